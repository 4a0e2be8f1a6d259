//! What an operator types: looking at payments, deciding about them, and asking what is wrong with a setup.

pub mod age;
pub mod doctor;
pub mod export;
pub mod person;
pub mod table;
