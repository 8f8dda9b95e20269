# What samples were, as sketches of their features, and alarms on what they have become.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0004_series_store'),
        ('updates', '0015_client'),
    ]

    operations = [
        migrations.AddField(
            model_name='livescoring',
            name='losses',
            field=models.JSONField(default=dict, help_text='State of ADWIN on their log losses.'),
        ),
        migrations.CreateModel(
            name='SketchedRange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_offset', models.PositiveBigIntegerField()),
                ('last_offset', models.PositiveBigIntegerField()),
                ('starts_at', models.DateTimeField(help_text='When its first sample arrived.')),
                ('ends_at', models.DateTimeField(help_text='When its last sample arrived.')),
                ('recommender', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sketched_ranges', to='updates.recommender')),
            ],
        ),
        migrations.CreateModel(
            name='FeatureSketch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('feature', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=10)),
                ('body', models.BinaryField()),
                ('range', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sketches', to='monitoring.sketchedrange')),
            ],
        ),
        migrations.CreateModel(
            name='DriftAlarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('feature', models.CharField(max_length=200)),
                ('turning_since', models.DateTimeField(null=True)),
                ('firing_since', models.DateTimeField(null=True)),
                ('recommender', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drift_alarms', to='updates.recommender')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('recommender', 'feature'), name='one_drift_alarm_a_feature')],
            },
        ),
        migrations.AddIndex(
            model_name='sketchedrange',
            index=models.Index(fields=['recommender', 'ends_at'], name='sketched_by_arrival'),
        ),
        migrations.AddConstraint(
            model_name='sketchedrange',
            constraint=models.UniqueConstraint(fields=('recommender', 'first_offset'), name='a_sketched_range_begins_once'),
        ),
        migrations.AddConstraint(
            model_name='featuresketch',
            constraint=models.UniqueConstraint(fields=('range', 'feature'), name='one_sketch_a_feature'),
        ),
    ]
