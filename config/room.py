"""How much may be kept here, and what of the disk stays free."""

import os

# For each person, site and trial: gigabytes, files, and deliveries under way at a time, those included that wait for a
# person. Generous: they stop a runaway sender, not work, and a retrospective cohort is some thousand studies that all
# wait at once. `manage.py quota` gives one of them another share.
QUOTAS = {
    "person": os.environ.get("CORELAB_QUOTA_PERSON") or "2000,2000000,1000",
    "site": os.environ.get("CORELAB_QUOTA_SITE") or "4000,4000000,10000",
    "trial": os.environ.get("CORELAB_QUOTA_TRIAL") or "20000,20000000,50000",
}
# Megabytes of the disk that new images leave free.
RESERVE = int(os.environ.get("CORELAB_RESERVE") or 1000)
