//! Connectors: one vendor or protocol per file, each behind [`adjutant_hand::connector::Connector`].

pub mod http;
pub mod ldap;
pub mod proof;
