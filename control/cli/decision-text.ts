import { stringify } from "yaml";

/** Writes a decision for people (P): its facts one below the other, in the order they came. */
export function formatDecision(decision: unknown, indent: string): string {
  const text = stringify(decision, { lineWidth: 0, flowCollectionPadding: true });
  return text.replace(/^(?=.)/gm, indent);
}
