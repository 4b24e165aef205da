//! Holds infra/template.yaml to the code; everything is in the tests.
