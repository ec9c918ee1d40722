-- The passwords are the example's own, and protect nothing but a demonstration.
create role shop login password 'example-shop-password';
create role replicator login replication password 'example-replication-password';

-- For load balancers: asks whether this server is a primary, and can do nothing else. See examples/shop/README.md.
create role lifeboat_check login connection limit 20;
alter role lifeboat_check set statement_timeout = '1s';

create database shop owner shop;
revoke connect, temporary on database shop from public;
revoke temporary on database postgres from public;
revoke connect on database template1 from public;

\connect shop
set role shop;
create table orders (
  id bigint generated always as identity primary key,
  ref text not null unique,
  customer text not null,
  item text not null,
  quantity integer not null check (quantity > 0),
  charge text not null default 'pending' check (charge in ('pending', 'charged')),
  created_at timestamptz not null default now()
);
create index on orders (id) where charge = 'pending';
