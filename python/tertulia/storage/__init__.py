"""Blob storage: a local directory, S3, Azure or GCS."""
