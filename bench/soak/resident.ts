import { readFileSync } from "node:fs";

/** Bytes of memory that a process occupies now (Linux). Throws when there is no such process. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} occupies no memory`);
  return Number(kibibytes) * 1_024;
}

/** Seconds of CPU that a process has used so far (Linux), in ticks of a hundredth. */
export function cpuSeconds(pid: number): number {
  // The name, in brackets, may hold anything; what follows it are numbers.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
