//! Base64 as etcd writes and reads it.
