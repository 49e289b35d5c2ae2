import { invariant } from "../../common/assert.ts";
import type { ApiServer, RouteNeed } from "../api/context.ts";
import { ApiError } from "../api/errors.ts";
import type { Access } from "./access.ts";
import { whyRefused } from "./guard.ts";
import { type Caller, lacksScope, lacksSite } from "./token.ts";

/** Who has not been asked yet, and is never asked where nothing is shown or changed. */
const NOBODY: Caller = { name: "nobody", scope: "read", sites: new Set() };

/**
 * Makes every route that is added afterwards ask who calls and whether they may, before anything of
 * the call's body is read. A route that does not say what it needs is our mistake, found at start.
 */
export function guardRoutes(app: ApiServer, access: Access): void {
  app.decorateRequest("caller");
  app.addHook("onRoute", ({ config, url, method }) => {
    const where = `${String(method)} ${url}`;
    const need = config?.need;
    invariant(need !== undefined, `${where} says what it needs`);
    const namesSite = url.startsWith("/v1/sites/:site");
    invariant(need === "nobody" || (need.about === "site") === namesSite, `${where} is about it`);
  });
  app.addHook("onRequest", async (call) => {
    call.caller = NOBODY;
    if (access.isOpen) {
      const { host, origin } = call.headers;
      const fetchSite = call.headers["sec-fetch-site"];
      const reason = whyRefused({ method: call.method, host, origin, fetchSite });
      if (reason !== undefined) throw new ApiError("forbidden-origin", { message: reason });
    }
    const { need } = call.routeOptions.config;
    if (need === "nobody") return;
    call.caller = access.identify(call.headers.authorization, call.ip);
    // No route: the answer says so, to those who may know what there is.
    if (need === undefined) return;
    const { site } = (call.params ?? {}) as { readonly site?: string };
    const reason = reasonAgainst(call.caller, need, site);
    if (reason !== undefined) {
      throw new ApiError("forbidden", {
        message: reason,
        remedy: "Use another token, or have one made: meridian token create --help.",
      });
    }
  });
}

function reasonAgainst(
  caller: Caller,
  { scope, about }: RouteNeed,
  site: string | undefined,
): string | undefined {
  const reason = lacksScope(caller, scope);
  return about === "callers" ? reason : (reason ?? lacksSite(caller, site));
}
