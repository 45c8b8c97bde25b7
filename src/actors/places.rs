//! Places for sessions: one is taken before a session begins, and free again when it's dropped.

use core::net::IpAddr;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::admission::{Admission, Limits, Refused};

/// The places that all worker threads give away.
#[derive(Clone, Debug)]
pub struct Places(Arc<Mutex<Admission>>);

/// One session's place.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// All of them are free.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Admission::new(limits, Instant::now()))))
    }

    /// Takes a place for a client at `address`.
    ///
    /// # Errors
    /// Why there is none, and in how many seconds to ask again.
    pub fn take(&self, address: IpAddr) -> Result<Place, (Refused, u64)> {
        let mut admission = self.lock();
        match admission.admit(address, Instant::now()) {
            Ok(()) => Ok(Place { places: self.clone(), address }),
            Err(refused) => Err((refused, admission.retry_after_s())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Admission> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().leave(self.address);
    }
}
