import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOMAIN, NAME, POPS } from "../dns/world.ts";

/** How a server of a comparison is started, once its files are written. */
export interface Contender {
  readonly name: string;
  /** What it is and does, for the table. */
  readonly note: string;
  readonly binary: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** True: it is asked for signatures. */
  readonly isSigned?: boolean;
}

/** Where a server listens, and its files. */
interface Place {
  readonly dir: string;
  readonly port: number;
  readonly database: string;
}

const ZONE = `$ORIGIN ${DOMAIN}.
$TTL 20
@ SOA ns1 hostmaster 1 3600 600 604800 30
@ NS ns1
ns1 A 127.0.0.1
`;

/** NSD, with one address for everybody: what a server costs that chooses nothing. */
export function nsd({ dir, port }: Place): Contender {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "zone"), `${ZONE}www A 192.0.2.1\n`);
  writeFileSync(
    join(dir, "nsd.conf"),
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${dir}"
  pidfile: "${dir}/pid"
  database: ""
  xfrdfile: "${dir}/xfrd"
  zonelistfile: "${dir}/list"
  # Off, because all questions come from one address.
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${DOMAIN}
  zonefile: zone
`,
  );
  const args = ["-d", "-c", join(dir, "nsd.conf")];
  return { name: "nsd", note: "NSD, one static address", binary: "nsd", args };
}

/** Knot with mod-geoip, which goes by country. */
export function knot({ dir, port, database }: Place): Contender {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "zone"), `${ZONE}www A 192.0.2.1\n`);
  const rules = POPS.map(({ country, address }) => `  - geo: "${country}"\n    A: ${address}\n`);
  writeFileSync(join(dir, "geo.conf"), `${NAME}:\n${rules.join("")}`);
  writeFileSync(
    join(dir, "knot.conf"),
    `server:
  listen: 127.0.0.1@${port}
  rundir: ${dir}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  edns-client-subnet: on
log:
  - target: stderr
    any: warning
database:
  storage: ${dir}
mod-geoip:
  - id: geo
    config-file: ${dir}/geo.conf
    ttl: 20
    mode: geodb
    geodb-file: ${database}
    geodb-key: [country/iso_code]
zone:
  - domain: ${DOMAIN}
    storage: ${dir}
    file: zone
    module: mod-geoip/geo
`,
  );
  const args = ["-c", join(dir, "knot.conf")];
  return { name: "knot", note: "Knot, mod-geoip by country", binary: "knotd", args };
}

/** gdnsd, which goes by distance as we do. */
export function gdnsd({ dir, port, database }: Place): Contender {
  for (const folder of ["zones", "geoip", "run", "state"]) {
    mkdirSync(join(dir, folder), { recursive: true });
  }
  writeFileSync(join(dir, "zones", DOMAIN), `${ZONE}www 20 DYNA geoip!www\n`);
  const list = (item: (pop: (typeof POPS)[number]) => string) => POPS.map(item).join(", ");
  writeFileSync(
    join(dir, "config"),
    `options => {
  listen => { 127.0.0.1:${port} => { udp_threads = 1, tcp_threads = 1 } }
  run_dir = ${dir}/run
  state_dir = ${dir}/state
}
plugins => { geoip => {
  maps => { all => {
    geoip2_db => ${database}
    datacenters => [${list(({ name }) => name)}]
    auto_dc_coords => { ${list((pop) => `${pop.name} => [${pop.latitude}, ${pop.longitude}]`)} }
  } }
  resources => { www => {
    map => all
    service_types => up
    dcmap => { ${list(({ name, address }) => `${name} => ${address}`)} }
  } }
} }
`,
  );
  const args = ["-c", dir, "start"];
  return { name: "gdnsd", note: "gdnsd, closest of 20", binary: "gdnsd", args };
}

/** PowerDNS with its geoip backend, by country; its packet cache is on, as it is by default. */
export function powerdns({ dir, port, database }: Place): Contender {
  mkdirSync(dir, { recursive: true });
  const places = POPS.map(
    ({ country, address }) => `    ${country.toLowerCase()}.geo.${DOMAIN}: [ {a: ${address}} ]\n`,
  );
  writeFileSync(
    join(dir, "geo.yaml"),
    `domains:
- domain: ${DOMAIN}
  ttl: 20
  records:
    ${DOMAIN}:
      - soa: ns1.${DOMAIN} hostmaster.${DOMAIN} 1 3600 600 604800 30
      - ns: ns1.${DOMAIN}
    ns1.${DOMAIN}: [ {a: 127.0.0.1} ]
${places.join("")}  services:
    ${NAME}: [ '%cc.geo.${DOMAIN}' ]
`,
  );
  writeFileSync(
    join(dir, "pdns.conf"),
    `launch=geoip
geoip-database-files=mmdb:${database}
geoip-zones-file=${dir}/geo.yaml
edns-subnet-processing=yes
local-address=127.0.0.1
local-port=${port}
receiver-threads=1
distributor-threads=1
reuseport=no
socket-dir=${dir}
daemon=no
guardian=no
setuid=
setgid=
disable-syslog=yes
loglevel=3
`,
  );
  const args = [`--config-dir=${dir}`];
  return { name: "powerdns", note: "PowerDNS, geoip by country", binary: "pdns_server", args };
}
