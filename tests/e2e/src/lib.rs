//! Nothing but tests, in tests/deployed: the functions as they are deployed, from HTTP to search, on the AWS emulator.
