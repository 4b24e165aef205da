//! Nothing but tests: they hold the dependency arrows and the shape of the source files. See tests/.
