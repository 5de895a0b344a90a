import pytest

import deid


@pytest.fixture
def key() -> bytes:
    return b"the trial's own secret, 32 bytes+"


@pytest.fixture
def trial() -> deid.ClinicalTrial:
    return deid.ClinicalTrial(
        sponsor="Acme Oncology",
        protocol_id="ACME-301",
        protocol_name="A phase 3 trial",
        site_id="1002",
        site_name="Second site",
        subject_code="ACME-1002-007",
        time_point_id="BL",
        time_point_description="Baseline",
        coordinating_center="Corelab",
    )


@pytest.fixture
def policy() -> deid.Policy:
    return deid.Policy()
