"""The admin under recadmin's name."""

from django.contrib.admin import AdminSite


class RecadminAdminSite(AdminSite):
    site_header = "recadmin"
    site_title = "recadmin"
    index_title = "Recommenders and their update policies"
