from django.db import migrations, models

HELP = "Of which component, slice or feature, for measurements kept by one of them."


class Migration(migrations.Migration):
    """The column keeps its name, which processes of the previous release write beside this one."""

    dependencies = [
        ("monitoring", "0006_alerts"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="series", name="one_series_a_measurement"),
        migrations.AlterField(
            model_name="series",
            name="component",
            field=models.CharField(
                blank=True, default="", db_column="component", help_text=HELP, max_length=200
            ),
        ),
        migrations.RenameField(model_name="series", old_name="component", new_name="part"),
        migrations.AddConstraint(
            model_name="series",
            constraint=models.UniqueConstraint(
                condition=models.Q(("policy", None)),
                fields=("recommender", "name", "part"),
                name="one_series_a_measurement",
            ),
        ),
    ]
