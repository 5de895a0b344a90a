"""Separation of duties: which roles one person never holds in one trial at the same time (C01). Pure data."""

from trials.roles import Role


def _others(role: Role) -> tuple[Role, ...]:
    return tuple(other for other in Role if other is not role)


# Pairs that one person never holds in one trial at the same time. (Who founds a trial begins as its coordinator and
# administrator: the one exception, shown at every review until the second is handed on.)
INCOMPATIBLE: frozenset[frozenset[Role]] = frozenset(
    frozenset({one, other})
    for one, others in {
        # Blinding: every other role shows sites, subjects or results; an adjudicator judges what readers did.
        Role.READER: _others(Role.READER),
        Role.ADJUDICATOR: _others(Role.ADJUDICATOR),
        # Whoever says who may what works with none of the data (C01).
        Role.ADMINISTRATOR: _others(Role.ADMINISTRATOR),
        # Comes from outside and belongs to nobody's work.
        Role.INSPECTOR: _others(Role.INSPECTOR),
        # Who runs a trial neither sends its scans nor judges them.
        Role.COORDINATOR: (Role.SITE_STAFF, Role.QC_ANALYST),
        # Nobody judges what they sent.
        Role.QC_ANALYST: (Role.SITE_STAFF,),
        # Who pays for the work or oversees it does not do it.
        Role.SPONSOR: (Role.SITE_STAFF, Role.COORDINATOR, Role.QC_ANALYST),
        Role.MONITOR: (Role.SITE_STAFF, Role.COORDINATOR, Role.QC_ANALYST),
        Role.SITE_MONITOR: (Role.SITE_STAFF, Role.COORDINATOR, Role.QC_ANALYST),
        # Who knows the arms keeps away from whoever makes the data.
        Role.STATISTICIAN: (Role.SITE_STAFF, Role.COORDINATOR, Role.QC_ANALYST),
    }.items()
    for other in others
)


def excluded_by(role: Role) -> frozenset[Role]:
    """The roles that nobody may hold in a trial beside `role`."""
    return frozenset(other for other in Role if frozenset({role, other}) in INCOMPATIBLE)
