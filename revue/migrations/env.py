"""Run the migrations on the connection that :mod:`revue.database` hands over."""

from alembic import context

from revue.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
