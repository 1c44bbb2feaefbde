//! Dependency descriptors (AV1), as they come.

use str0m::rtp::{ExtensionSerializer, ExtensionValues};

/// A dependency descriptor, and how sessions read and write it.
#[derive(Debug, Default)]
pub(super) struct Descriptor(pub(super) Vec<u8>);

impl ExtensionSerializer for Descriptor {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Self(descriptor)) = values.user_values.get() else {
            return 0;
        };
        buf[..descriptor.len()].copy_from_slice(descriptor);
        descriptor.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Self(buf.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let descriptor = values.user_values.get::<Self>();
        descriptor.is_some_and(|Self(descriptor)| descriptor.len() > 16)
    }
}
