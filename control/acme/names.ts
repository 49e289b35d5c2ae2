/** The name of the certificate that is ordered for a site (P). */
export function acmeName(site: string): string {
  return `acme.${site}`;
}
