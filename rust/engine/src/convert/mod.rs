//! Arrow to Arrow: what a column must satisfy in flight, checked a column at a time.
