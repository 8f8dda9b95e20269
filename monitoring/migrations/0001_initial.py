# What is measured over time.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('updates', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='LiveScoring',
            fields=[
                ('recommender', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='live_scoring', serialize=False, to='updates.recommender')),
                ('next_offset', models.PositiveBigIntegerField(help_text='The first offset not yet judged.')),
                ('window', models.JSONField(default=list, help_text='[label, prediction, weight] of samples judged, not yet recorded.')),
            ],
        ),
        migrations.CreateModel(
            name='Series',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('label', models.CharField(blank=True, help_text='Which policy, for measurements kept by policy.', max_length=60)),
                ('recommender', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='series', to='updates.recommender')),
            ],
            options={
                'verbose_name_plural': 'series',
            },
        ),
        migrations.CreateModel(
            name='Point',
            fields=[
                ('pk', models.CompositePrimaryKey('series', 'resolution', 't', blank=True, editable=False, primary_key=True, serialize=False)),
                ('resolution', models.PositiveSmallIntegerField(help_text='Width of the time grid in seconds.')),
                ('t', models.BigIntegerField(help_text='Start of the grid cell, in seconds since 1970 in UTC.')),
                ('value', models.FloatField()),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='points', to='monitoring.series')),
            ],
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(fields=('recommender', 'name', 'label'), name='one_series_a_measurement'),
        ),
    ]
