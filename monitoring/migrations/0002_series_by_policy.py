# A series of a policy is kept by its key: renaming the policy does not begin another one.

import django.db.models.deletion
from django.db import migrations, models


def link(apps, schema_editor):
    """Labels were names: those that no policy has any more belong to nobody."""
    alias = schema_editor.connection.alias
    series = apps.get_model('monitoring', 'Series').objects.using(alias)
    policies = apps.get_model('updates', 'UpdatePolicy').objects.using(alias)
    for policy in policies.all():
        series.filter(recommender=policy.recommender_id, label=policy.name).update(policy=policy)
    nobodys = series.filter(policy=None).exclude(label='')
    apps.get_model('monitoring', 'Point').objects.using(alias).filter(series__in=nobodys).delete()
    nobodys.delete()


class Migration(migrations.Migration):

    dependencies = [
        ('updates', '0001_initial'),
        ('monitoring', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='series',
            name='policy',
            field=models.ForeignKey(help_text='Of which policy, for measurements kept by policy.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='series', to='updates.updatepolicy'),
        ),
        migrations.RunPython(link, migrations.RunPython.noop),
        migrations.RemoveConstraint(
            model_name='series',
            name='one_series_a_measurement',
        ),
        migrations.RemoveField(
            model_name='series',
            name='label',
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(condition=models.Q(('policy', None)), fields=('recommender', 'name'), name='one_series_a_measurement'),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(fields=('policy', 'name'), name='one_series_a_measurement_of_a_policy'),
        ),
    ]
