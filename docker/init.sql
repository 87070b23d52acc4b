-- What a new database needs: an owner for the tables, and a role for Walsift that is no superuser. See docs/PRIVILEGES.md.

create role shop nologin;
create role walsift login replication password 'walsift' in role shop;
grant create on database shop to walsift;
grant create on schema public to shop;

set role shop;
\i /shop.sql
