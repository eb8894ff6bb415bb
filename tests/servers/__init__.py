"""Private database servers for the tests, one module per engine."""
