//! What stands for the sink in a program that was built without it: none can be made.

use std::future::Ready;
use std::time::Duration;

use crate::config::{self, Terms};
use crate::publish::{Batching, Delivery, Failure, Outcome, Reach, Unusable};

#[derive(Debug)]
pub enum KafkaSink {}

impl KafkaSink {
    pub fn new(name: &str, _: &config::KafkaSink, _: &Terms) -> Result<Self, Unusable> {
        Err(Unusable {
            sink: name.to_owned(),
            reason: "this program was built without the feature `kafka`".to_owned(),
        })
    }

    pub fn deliver(&self, _: &[Delivery]) -> Ready<Vec<Outcome>> {
        match *self {}
    }

    pub fn reach(&self, _: Duration) -> Ready<Reach> {
        match *self {}
    }

    pub fn preview(&self, _: &Delivery) -> Result<String, Failure> {
        match *self {}
    }

    pub fn batching(&self) -> Batching {
        match *self {}
    }
}
