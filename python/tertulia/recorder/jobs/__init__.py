"""What a recorder does with the jobs in SQL, as a pure value. See :mod:`tertulia.recorder.jobs.recorder`."""
