from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("updates", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="archivedbatch",
            name="sha256",
            field=models.CharField(
                default="", help_text="Of its content, to tell another's apart.", max_length=64
            ),
            preserve_default=False,
        ),
    ]
