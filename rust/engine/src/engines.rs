//! The registry: the one place where an engine's name becomes its rooms.

use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Endpoint, Engine, Sizes};
use crate::session::Session;
use crate::source::Snapshot;
use crate::target::{Writer, WriterOpening};
use crate::{mysql, postgres, sqlite};

/// A session for catalogs, probes and DDL.
pub fn session(endpoint: &Endpoint, side: Side, cancel: &Cancel) -> Result<Box<dyn Session>> {
    let endpoint = &Endpoint { writes: side == Side::Target, ..endpoint.clone() };
    let session: Result<Box<dyn Session>> = match endpoint.engine {
        Engine::Postgresql => postgres::connect(endpoint, cancel).map(|s| Box::new(s) as _),
        Engine::Mysql | Engine::Mariadb => {
            mysql::connect(endpoint, cancel).map(|s| Box::new(s) as _)
        }
        Engine::Sqlite => sqlite::session(endpoint, side, cancel),
        Engine::Arrow | Engine::Adbc => Err(elsewhere()),
    };
    session.map_err(|error| error.on(endpoint.engine).at(side))
}

/// One consistent view of a source on up to `sizes.workers` sessions.
pub fn snapshot(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    match endpoint.engine {
        Engine::Postgresql => postgres::snapshot(endpoint, sizes, cancel),
        Engine::Mysql | Engine::Mariadb => mysql::snapshot(endpoint, sizes, cancel),
        Engine::Sqlite => sqlite::snapshot(endpoint, sizes, cancel),
        Engine::Arrow | Engine::Adbc => Err(elsewhere()),
    }
    .map_err(|error| error.on(endpoint.engine).at(Side::Source))
}

/// One writing session.
pub fn writer(mut opening: WriterOpening) -> Result<Box<dyn Writer>> {
    opening.endpoint.writes = true;
    let engine = opening.endpoint.engine;
    match engine {
        Engine::Postgresql => postgres::writer(opening),
        Engine::Mysql | Engine::Mariadb => mysql::writer(opening),
        Engine::Sqlite => sqlite::writer(opening),
        Engine::Arrow | Engine::Adbc => Err(elsewhere()),
    }
    .map_err(|error| error.on(engine).at(Side::Target))
}

/// Writing sessions that an engine bears at once.
pub fn most_writers(engine: Engine) -> usize {
    match engine {
        Engine::Postgresql | Engine::Mysql | Engine::Mariadb => usize::MAX,
        Engine::Sqlite => sqlite::MAX_WRITERS,
        Engine::Arrow | Engine::Adbc => 0,
    }
}

/// These ends are opened in Python and meet the engine in `arrow_stream`.
fn elsewhere() -> Error {
    Error::new(Kind::Internal, "this engine has no sessions of its own here")
}
