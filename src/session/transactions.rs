//! Transactions: acknowledgements that count when the client says so. (Nothing else can be in one,
//! since nothing can be sent.)

use super::{acknowledgement::Acknowledgement, violation::Violation};

/// How many transactions may be open in a session.
const OPEN_MAX: usize = 16;

/// How many acknowledgements may wait in a session's transactions: 24 bytes each, 24 KiB.
const WAITING_MAX: usize = 1024;

/// The longest name, as of a subscription's id.
const NAME_BYTES_MAX: usize = 255;

/// A session's open transactions.
#[derive(Debug, Default)]
pub(super) struct Transactions(Vec<Transaction>);

#[derive(Debug)]
struct Transaction {
    name: Box<str>,
    acknowledgements: Vec<Acknowledgement>,
}

impl Transactions {
    /// "The transaction identifiers used for a transaction MUST be different" while open.
    pub(super) fn begin(&mut self, name: &str) -> Result<(), Violation> {
        let refuse = |detail| Err(Violation::new("transaction refused", detail));
        if name.len() > NAME_BYTES_MAX {
            return refuse(format!("a name may have {NAME_BYTES_MAX} bytes, not {}", name.len()));
        }
        if self.place(name).is_some() {
            return refuse(format!("transaction {name:?} is open; COMMIT or ABORT it first"));
        }
        if self.0.len() >= OPEN_MAX {
            return refuse(format!("a session may have {OPEN_MAX} transactions open"));
        }
        self.0.push(Transaction { name: name.into(), acknowledgements: Vec::new() });
        Ok(())
    }

    /// Keeps an acknowledgement until the transaction's end, if there is still something to acknowledge.
    pub(super) fn add(
        &mut self,
        name: &str,
        acknowledgement: Option<Acknowledgement>,
    ) -> Result<(), Violation> {
        let at = self.place(name).ok_or_else(|| unknown(name))?;
        let waiting: usize = self.0.iter().map(|transaction| transaction.acknowledgements.len()).sum();
        if waiting >= WAITING_MAX {
            let detail = format!("a session's transactions may hold {WAITING_MAX} acknowledgements");
            return Err(Violation::new("transaction refused", detail));
        }
        self.0[at].acknowledgements.extend(acknowledgement);
        Ok(())
    }

    /// Ends a transaction, and answers what was in it: for COMMIT to do and ABORT to forget.
    pub(super) fn end(&mut self, name: &str) -> Result<Vec<Acknowledgement>, Violation> {
        let at = self.place(name).ok_or_else(|| unknown(name))?;
        Ok(self.0.swap_remove(at).acknowledgements)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|transaction| &*transaction.name == name)
    }
}

fn unknown(name: &str) -> Violation {
    Violation::new("unknown transaction", format!("no transaction {name:.100?} is open; BEGIN it first"))
}
