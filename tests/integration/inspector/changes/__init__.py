"""Every change of the schema that the inspector has to tell apart."""

from tests.integration.inspector.changes.columns import COLUMNS
from tests.integration.inspector.changes.constraints import CONSTRAINTS
from tests.integration.inspector.changes.functions import FUNCTIONS
from tests.integration.inspector.changes.indexes import INDEXES
from tests.integration.inspector.changes.on_tables import ON_TABLES
from tests.integration.inspector.changes.others import OTHERS
from tests.integration.inspector.changes.sequences import SEQUENCES
from tests.integration.inspector.changes.server import SERVER
from tests.integration.inspector.changes.tables import TABLES
from tests.integration.inspector.changes.types import TYPES
from tests.integration.inspector.changes.views import VIEWS

CHANGES = {
    **COLUMNS,
    **CONSTRAINTS,
    **INDEXES,
    **TABLES,
    **SEQUENCES,
    **VIEWS,
    **FUNCTIONS,
    **ON_TABLES,
    **TYPES,
    **OTHERS,
    **SERVER,
}
