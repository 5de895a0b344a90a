"""Erasures that followed from another act: a withdrawal (W5), or a decision on images out of analysis (W6)."""

from typing import ClassVar

from django.db import migrations, models

from audit.watching.operation import watched
from trials.fences.operation import fenced


class Migration(migrations.Migration):
    dependencies: ClassVar = [("privacy", "0003_extensions")]
    operations: ClassVar = [
        migrations.RemoveConstraint("erasure", "erasure_done_is_confirmed"),
        migrations.AlterField(
            "erasure",
            "level",
            models.CharField(
                choices=[
                    ("link", "the link to the person: identity, tokens, originals"),
                    ("everything", "the link to the person, and the coded images too"),
                    ("images", "the images, which lay out of analysis"),
                ],
                max_length=12,
                verbose_name="what is destroyed",
            ),
        ),
        migrations.AlterField("erasure", "decision_signature_id", models.UUIDField(blank=True, null=True)),
        migrations.AddConstraint(
            "erasure",
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | models.Q(confirmation_signature_id__isnull=False)
                | models.Q(decision_signature_id__isnull=True, level="link", ground="17(1)(b)")
                | models.Q(decision_signature_id__isnull=True, level="images", ground="17(1)(d)"),
                name="erasure_done_is_confirmed",
            ),
        ),
        watched("privacy.Erasure", trial="trial"),
        fenced("privacy.Erasure", trial="trial"),
    ]
