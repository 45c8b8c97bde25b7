//! Whether there may be something to hear.
//!
//! A session's task is polled for each write, and looks at its socket's other half, and at whether its session takes input,
//! only if one of them has called since: both are given a waker that notes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

/// Who is called when there may be something to hear.
#[derive(Debug)]
pub(super) struct Ears {
    noted: Arc<Noted>,
    waker: Waker,
}

#[derive(Debug)]
struct Noted {
    is_called: AtomicBool,
    task: Waker,
}

impl Ears {
    /// For the task that this wakes. It listens at first.
    pub(super) fn new(task: &Waker) -> Self {
        let noted = Arc::new(Noted { is_called: AtomicBool::new(true), task: task.clone() });
        Self { waker: Waker::from(Arc::clone(&noted)), noted }
    }

    /// Whether somebody has called since this was asked last.
    pub(super) fn are_called(&self) -> bool {
        // Nearly always not, and then nothing is written.
        self.noted.is_called.load(Ordering::Acquire) && self.noted.is_called.swap(false, Ordering::AcqRel)
    }

    /// What calls.
    pub(super) const fn waker(&self) -> &Waker {
        &self.waker
    }
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_called.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}
