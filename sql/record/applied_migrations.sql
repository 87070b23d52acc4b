select number from migration
