"""What disturbs a run of dbferry, and what proves that nothing was lost and nothing came twice."""
