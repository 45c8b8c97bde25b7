//! Transactions, as far as they go without anything to acknowledge.

use super::talk::Talk;

#[track_caller]
fn check_refusal(frames: &[&str], message: &str, detail: &str) {
    let mut talk = Talk::connected("0,0");
    for frame in frames {
        talk.send(frame);
    }
    let said = talk.said_in_full();
    let [.., error, close] = &said[..] else { panic!("{said:?}") };
    assert!(error.starts_with(&format!("ERROR\nmessage:{message}\n")), "{error:?}");
    assert!(error.contains(detail), "{error:?}");
    assert_eq!(close, "CLOSE 1002 protocol error");
}

#[test]
fn a_transaction_is_begun_once_and_ended_once() {
    let mut talk = Talk::connected("0,0");
    for frame in ["BEGIN", "COMMIT", "BEGIN", "ABORT", "BEGIN"] {
        talk.send(&format!("{frame}\ntransaction:t\nreceipt:{frame}\n\n"));
    }
    assert_eq!(
        talk.said(),
        ["RECEIPT BEGIN", "RECEIPT COMMIT", "RECEIPT BEGIN", "RECEIPT ABORT", "RECEIPT BEGIN"]
    );
    let begin = "BEGIN\ntransaction:t\n\n";
    check_refusal(&[begin, begin], "transaction refused", "\"t\" is open");
    for end in ["COMMIT", "ABORT"] {
        let end = format!("{end}\ntransaction:t\nreceipt:r\n\n");
        check_refusal(&[&end], "unknown transaction", "no transaction \"t\" is open");
        check_refusal(&[begin, &end, &end], "unknown transaction", "BEGIN it first");
    }
}

#[test]
fn no_more_transactions_are_open_than_may_be() {
    let begins: Vec<String> = (0..17).map(|number| format!("BEGIN\ntransaction:{number}\n\n")).collect();
    let begins: Vec<&str> = begins.iter().map(String::as_str).collect();
    check_refusal(&begins, "transaction refused", "may have 16 transactions open");
    let long = format!("BEGIN\ntransaction:{}\n\n", "t".repeat(256));
    check_refusal(&[&long], "transaction refused", "may have 255 bytes, not 256");
}

#[test]
fn nothing_can_be_sent_in_a_transaction_either() {
    let send = "SEND\ndestination:/topic/price.stock.A\ntransaction:t\n\n";
    check_refusal(&["BEGIN\ntransaction:t\n\n", send], "unknown destination", "prices come from Kafka");
}
