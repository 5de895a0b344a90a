from django.db import migrations, models

from audit.watching.operation import watched


class Migration(migrations.Migration):
    dependencies = [
        ("trials", "0003_frozen"),
        ("audit", "0003_trail"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]
    operations = [
        migrations.AddField(
            "user",
            "organisation",
            models.CharField(blank=True, default="", max_length=120, verbose_name="organisation"),
            preserve_default=False,
        ),
        watched("auth.Group"),
        watched("auth.Group.permissions"),
        watched("guardian.GroupObjectPermission"),
        watched("guardian.UserObjectPermission"),
        watched(
            "trials.Charter",
            trial="trial",
            reasoned=(
                "criteria",
                "confirmation_required",
                "confirmation_days",
                "minimum_sd_days",
                "volumetry",
                "radiomics",
                "retain_patient_characteristics",
            ),
        ),
        watched("trials.Consent", trial="subject__trial_site__trial"),
        watched("trials.ConsentForm", trial="trial", reasoned=("version", "approved_on", "scopes")),
        watched(
            "trials.ImagingRequirement",
            trial="scheduled__charter__trial",
            reasoned=("name", "modality", "body_part", "minimum_slices", "maximum_slice_thickness", "required"),
        ),
        watched(
            "trials.Membership",
            trial="trial",
            reasoned=("user_id", "trial_id", "trial_site_id", "role", "starts", "ends"),
        ),
        watched(
            "trials.ScheduledTimePoint",
            trial="charter__trial",
            reasoned=("code", "name", "day", "window_before", "window_after"),
        ),
        watched("trials.Site", reasoned=("code", "name", "time_zone")),
        watched("trials.Sponsor", reasoned=("name",)),
        watched(
            "trials.Subject",
            trial="trial_site__trial",
            quiet=("patient_id_token", "person_token"),
            reasoned=("trial_site_id", "code", "day_zero"),
        ),
        watched("trials.TimePoint", trial="subject__trial_site__trial", reasoned=("due_on",)),
        watched("trials.Trial", trial="self", reasoned=("code", "title", "protocol_number", "sponsor_id")),
        watched("trials.TrialGroupObjectPermission"),
        watched("trials.TrialSite", trial="trial", reasoned=("site_id", "number", "ae_title")),
        watched("trials.TrialSiteGroupObjectPermission"),
        watched("trials.User", quiet=("last_login",), digested=("password",)),
        watched("trials.User.groups"),
        watched("trials.User.user_permissions"),
    ]
