# Series at three resolutions, in tables whose rows lie in the order in which plots read them.
#
# The former table stays, with its rows, for processes of the previous release that are still at
# work; the next release drops it.

import django.db.models.deletion
from django.db import migrations, models


class CreateClusteredModel(migrations.CreateModel):
    """A table that is read along its primary key, without a look-up for each row.

    SQLite: WITHOUT ROWID, the rows are the leaves of the key. PostgreSQL: the key's index has all
    columns, and the table is vacuumed often enough for index-only scans.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        sql, params = schema_editor.table_sql(model)
        if schema_editor.connection.vendor == 'sqlite':
            sql += ' WITHOUT ROWID'
        if schema_editor.connection.vendor == 'postgresql':
            key = 'PRIMARY KEY ("series_id", "t")'
            assert key in sql
            others = [f.column for f in model._meta.local_concrete_fields if f.column not in ('series_id', 't')]
            covered = ', '.join(map(schema_editor.quote_name, others))
            sql = sql.replace(key, f'{key} INCLUDE ({covered})')
            sql += ' WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02)'
        schema_editor.execute(sql, params or None)


def clustered(name, *more_fields):
    return CreateClusteredModel(
        name=name,
        fields=[
            ('pk', models.CompositePrimaryKey('series', 't', blank=True, editable=False, primary_key=True, serialize=False)),
            ('series', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='monitoring.series')),
            ('t', models.BigIntegerField(help_text='Start of the grid cell, in seconds since 1970 in UTC.')),
            ('value', models.FloatField()),
            *more_fields,
        ],
        options={'abstract': False},
    )


def count():
    return ('count', models.PositiveSmallIntegerField(help_text='How many ten-second points it stands for.'))


def bring_over(apps, schema_editor):
    """All points were kept at ten seconds. They are rolled up in the background, as new ones are."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO monitoring_tensecondpoint (series_id, t, value)'
            ' SELECT series_id, t, value FROM monitoring_point'
            ' WHERE resolution = 10 ORDER BY series_id, t'
        )
        cursor.execute(
            'INSERT INTO monitoring_pendingcell (seconds, t)'
            ' SELECT DISTINCT 60, t / 60 * 60 FROM monitoring_tensecondpoint'
        )


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0003_series_by_component'),
    ]

    operations = [
        clustered('TenSecondPoint'),
        clustered('MinutePoint', count()),
        clustered('HourPoint', count()),
        migrations.CreateModel(
            name='PendingCell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seconds', models.PositiveSmallIntegerField(help_text='Width of the cell.')),
                ('t', models.BigIntegerField(help_text='Start of the cell, in seconds since 1970 in UTC.')),
            ],
            options={
                'indexes': [models.Index(fields=['seconds', 't'], name='pending_cells_in_order')],
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('seconds', models.PositiveSmallIntegerField(help_text='Width of the time grid of its points.', primary_key=True, serialize=False)),
                ('kept_from', models.BigIntegerField(default=0, help_text='Nothing before is read or rolled up, in seconds since 1970 in UTC.')),
                ('cleared_to', models.BigIntegerField(default=0, help_text='Up to here what is not kept has been deleted.')),
            ],
        ),
        migrations.RunPython(bring_over, migrations.RunPython.noop),
    ]
