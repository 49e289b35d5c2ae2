import { unreachable } from "../common/assert.ts";
import type { Site } from "../common/config/site.ts";
import {
  editTable,
  type RecordEdit,
  type RecordMaps,
  recordEdit,
  recordMaps,
} from "./certificates.ts";
import type { Change, ChangeBody } from "./change.ts";
import type { Snapshot, TokenRecord } from "./records.ts";

/** What is in force at one version, in the shape that lookups need. Never changed in place. */
export interface View extends RecordMaps {
  readonly epoch: string;
  readonly version: number;
  readonly sites: ReadonlyMap<string, Site>;
  /** Names of the edges that are drained. */
  readonly drained: ReadonlySet<string>;
  /** Who may call the control API, by id. */
  readonly tokens: ReadonlyMap<string, TokenRecord>;
}

/**
 * What a change does to the snapshot, as data: the one place that knows it. The reducer applies it
 * to maps, the embedded store to tables, the Redis store to a hash.
 */
export type SnapshotEdit =
  | { readonly kind: "put-site"; readonly name: string; readonly site: Site }
  | { readonly kind: "delete-site"; readonly name: string }
  | { readonly kind: "put-drained"; readonly name: string }
  | { readonly kind: "delete-drained"; readonly name: string }
  | { readonly kind: "put-token"; readonly name: string; readonly token: TokenRecord }
  | { readonly kind: "delete-token"; readonly name: string }
  | RecordEdit
  /** Only the version moves: purges concern what is stored, not what is configured. */
  | { readonly kind: "none" };

/** The edit of one change (P). Total over the kinds of change. */
export function snapshotEdit(body: ChangeBody): SnapshotEdit {
  switch (body.kind) {
    case "site-put":
      return { kind: "put-site", name: body.site.name, site: body.site };
    case "site-remove":
      return { kind: "delete-site", name: body.site };
    case "drain":
      return { kind: "put-drained", name: body.edge };
    case "undrain":
      return { kind: "delete-drained", name: body.edge };
    case "token-put":
      return { kind: "put-token", name: body.token.id, token: body.token };
    case "token-remove":
      return { kind: "delete-token", name: body.token };
    case "certificate-put":
    case "certificate-remove":
    case "challenge-put":
    case "challenge-remove":
    case "order-put":
    case "order-remove":
    case "account-put":
      return recordEdit(body);
    case "purge-urls":
    case "purge-prefixes":
    case "purge-tags":
    case "purge-all":
      return { kind: "none" };
    default:
      return unreachable(body);
  }
}

/**
 * The view after one more change (P). The caller has checked that the change is the next one of the
 * same log. Shares with the old view what the change leaves alone; removing what is not there is
 * no error.
 */
export function applyChange(view: View, change: Change): View {
  const edit = snapshotEdit(change.body);
  const next = { ...view, version: change.version };
  switch (edit.kind) {
    case "put-site":
      return { ...next, sites: new Map(view.sites).set(edit.name, edit.site) };
    case "delete-site":
      return { ...next, sites: without(view.sites, edit.name) };
    case "put-drained":
      return { ...next, drained: new Set([...view.drained, edit.name]) };
    case "delete-drained":
      return { ...next, drained: new Set([...view.drained].filter((name) => name !== edit.name)) };
    case "put-token":
      return { ...next, tokens: new Map(view.tokens).set(edit.name, edit.token) };
    case "delete-token":
      return { ...next, tokens: without(view.tokens, edit.name) };
    case "put-record":
    case "delete-record":
      return { ...next, ...editTable(view, edit) };
    case "none":
      return next;
    default:
      return unreachable(edit);
  }
}

/** A snapshot in the shape for lookups (P). Of two sites of one name the later one counts. */
export function viewOf(snapshot: Snapshot): View {
  return {
    epoch: snapshot.epoch,
    version: snapshot.version,
    sites: new Map(snapshot.sites.map((site) => [site.name, site])),
    drained: new Set(snapshot.drained),
    tokens: new Map(snapshot.tokens.map((token) => [token.id, token])),
    ...recordMaps(snapshot),
  };
}

function without<V>(map: ReadonlyMap<string, V>, name: string): ReadonlyMap<string, V> {
  return new Map([...map].filter(([key]) => key !== name));
}
