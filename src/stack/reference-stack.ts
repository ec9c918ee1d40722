/** The reference stack, for tests. */
export const SHOP = `lifeboat: 1
stack: shop

segments:
  front: 10.10.1.0/24
  web:   10.10.2.0/24
  app:   10.10.3.0/24
  data:  10.10.4.0/24

machines:
  web: { image: shop-web, count: 2, segment: web, ready: http :80/healthz }
  app: { image: shop-app, count: 2, segment: app, needs: [db], ready: http :8080/healthz }
  db:  { image: shop-db,  count: 2, segment: data, stateful: true, ready: tcp :5432 }

appliances:
  fw:
    firewall:
      outside: dhcp
      inside: [front]
      rules:
        - { allow: tcp/443, from: anyone, to: public }
  lb:
    load-balancer:
      services:
        public:   { listen: front:443, tls: shop-tls, pool: web:80, check: GET /healthz }
        internal: { listen: web:8080, pool: app:8080, check: GET /healthz }
        database: { listen: app:5432, mode: tcp, pool: db:5432, check: postgres-primary }
  nat:
    nat:
      outside: dhcp
      inside: [app]
      reaches: [ldap, billing]

ingress:
  shop.example.com: { to: public, by: dns, ttl: 30s }

services:
  ldap:    { port: tcp/389, drill: allow }
  billing: { port: tcp/5432, drill: deny }

secrets:
  shop-tls: { file: secrets/shop-tls.pem }     # read when a site is deployed to; its absence is a warning of \`check\`

protect: { standby: west, rpo: 10s, keep: 24 }

checks:
  - GET https://shop.example.com/healthz is 200
`
