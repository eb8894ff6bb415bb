"""AWS DMS's own JSON as a task: table mappings become tables and rules, task settings become fields.

What has another form here is said in it, and what has none is named in a warning with what happens instead; a key
that DMS doesn't know either is an error. `model` is the JSON as pydantic reads it, `names` its wildcards,
`tables` and `settings` turn it into a task, `expressions` translates its expressions once the source is known.
"""
