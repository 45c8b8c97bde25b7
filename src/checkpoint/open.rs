//! The bad records that weren't set aside yet: the end of the file, which is left out where there are none.

use super::{
    Refused,
    bytes::{Reader, Writer},
};
use crate::{
    feed::Rejection,
    quarantine::{OFFSETS_MAX, Open},
};

/// Appends them.
pub(super) fn write(all: &[Open], out: &mut Vec<u8>) {
    if all.is_empty() {
        return;
    }
    let mut out = Writer(out);
    out.unsigned(all.len() as u64);
    for Open { partition, reason, runs } in all {
        out.unsigned(u64::from(partition.unsigned_abs()));
        out.text(reason);
        out.unsigned(runs.len() as u64);
        let mut next = 0;
        for run in runs {
            out.unsigned(run.start() - next);
            out.unsigned(run.end() - run.start());
            next = run.end() + 1;
        }
    }
}

/// Reads what follows the symbols.
pub(super) fn read(from: &mut Reader<'_>) -> Result<Vec<Open>, Refused> {
    if from.left() == 0 {
        return Ok(Vec::new());
    }
    let count = from.unsigned("number of reasons")?;
    // Each takes three bytes at least.
    if count == 0 || count > from.left() as u64 / 3 {
        return Err(Refused::Malformed("number of reasons"));
    }
    let mut offsets = 0;
    let all = (0..count).map(|_| read_one(from, &mut offsets)).collect::<Result<_, _>>()?;
    if from.left() > 0 {
        return Err(Refused::Malformed("length: something follows the last bad record"));
    }
    Ok(all)
}

/// `offsets` are those that were read before, whose number is bounded.
fn read_one(from: &mut Reader<'_>, offsets: &mut u64) -> Result<Open, Refused> {
    let partition = i32::try_from(from.unsigned("partition of bad records")?);
    let partition = partition.map_err(|_| Refused::Malformed("partition of bad records"))?;
    let label = from.text("reason")?;
    let reason = Rejection::LABELS.into_iter().find(|it| *it == label).ok_or(Refused::Malformed("reason"))?;
    let count = from.unsigned("number of bad records")?;
    if count > from.left() as u64 / 2 {
        return Err(Refused::Malformed("number of bad records"));
    }
    let mut next = 0_u64;
    let mut runs = Vec::new();
    for _ in 0..count {
        let (gap, more) = (from.unsigned("bad record")?, from.unsigned("bad records")?);
        let run = next.checked_add(gap).and_then(|first| Some((first, first.checked_add(more)?)));
        let Some((first, last)) = run.filter(|(_, last)| i64::try_from(*last).is_ok()) else {
            return Err(Refused::Malformed("bad record"));
        };
        *offsets = offsets.saturating_add(more).saturating_add(1);
        if *offsets > OFFSETS_MAX {
            return Err(Refused::Malformed("number of bad records"));
        }
        runs.push(first..=last);
        next = last + 1;
    }
    Ok(Open { partition, reason, runs })
}
