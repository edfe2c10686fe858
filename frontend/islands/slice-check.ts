// Whether the slices of a CT series make a volume: the rules of src/tianfu/standards/dicom/images.py, in their order and
// with their thresholds and codes, so that a page says before sending what the server would say after it.
// Nothing is imported: tests run this file alone, beside the server's.

export const SAME_POSITION_WITHIN_MM = 0.01;
export const UNEVEN_WITHIN_MM = 0.1;
export const SIDEWAYS_WITHIN_MM = 0.1;
export const GAP_STEPS = 1.5;
export const DIRECTION_WITHIN = 1e-3;

/** Relative; as numpy.allclose there. */
const SPACING_WITHIN = 1e-4;
const GAPS_SAID = 5;
const NUMBERS_SAID = 12;

/** What the header of a slice says; a list is empty, and a number null, where it says nothing usable. */
export interface Slice {
  readonly instance: string;
  readonly number: string;
  readonly person: string;
  readonly study: string;
  readonly frame: string;
  readonly corner: readonly number[];
  readonly directions: readonly number[];
  readonly spacing: readonly number[];
  readonly size: readonly number[];
  readonly thicknessMm: number | null;
}

/** `code` and `details` as the server's sentences have them. */
export interface Finding {
  readonly code: string;
  readonly details: Readonly<Record<string, string>>;
  readonly isFault: boolean;
}

/** `stepMm` is null where the slices are no row of equal steps. */
export interface Checked {
  readonly findings: readonly Finding[];
  readonly stepMm: number | null;
}

interface Placed {
  readonly slice: Slice;
  readonly alongMm: number;
}

const fault = (code: string, details: Record<string, string> = {}): Finding => ({ code, details, isFault: true });
const remark = (code: string, details: Record<string, string> = {}): Finding => ({ code, details, isFault: false });

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, each, at) => sum + each * (b[at] ?? 0), 0);
const length = (a: readonly number[]): number => Math.sqrt(dot(a, a));
const times = (a: readonly number[], by: number): number[] => a.map((each) => each * by);
const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((each, at) => each - (b[at] ?? 0));

/** What is wrong and what is odd, in the order in which the server looks: the first fault is why it would refuse. */
export function checkSlices(slices: readonly Slice[]): Checked {
  const first = slices[0];
  if (!first) return { findings: [], stepMm: null };
  const lacking = lacks(slices);
  const mixed = lacking.length ? [] : mixtures(slices, first);
  const findings = [...lacking, ...mixed, ...sameInstances(slices)];
  const isOneStack = !lacking.length && !mixed.some((each) => each.code === "images-mixed-orientations");
  if (!isOneStack) return { findings, stepMm: null };
  if (slices.length === 1) return { findings: [...findings, ...single(first)], stepMm: null };
  const { found, stepMm } = stacked(slices, axesOf(first));
  return { findings: [...findings, ...found], stepMm: findings.length ? null : stepMm };
}

/** Row, column and normal, made orthonormal as the server does. */
function axesOf(slice: Slice): number[][] {
  const row = times(slice.directions.slice(0, 3), 1 / length(slice.directions.slice(0, 3)));
  const written = times(slice.directions.slice(3, 6), 1 / length(slice.directions.slice(3, 6)));
  const straight = minus(written, times(row, dot(row, written)));
  const column = times(straight, 1 / length(straight));
  return [row, column, cross(row, column)];
}

function cross(a: readonly number[], b: readonly number[]): number[] {
  const [ax = 0, ay = 0, az = 0] = a;
  const [bx = 0, by = 0, bz = 0] = b;
  return [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
}

function lacks(slices: readonly Slice[]): Finding[] {
  const needs: [string, (slice: Slice) => boolean][] = [
    ["ImagePositionPatient", (slice) => slice.corner.length === 3],
    ["ImageOrientationPatient", (slice) => slice.directions.length === 6],
    ["PixelSpacing", (slice) => slice.spacing.length === 2],
    ["FrameOfReferenceUID", (slice) => slice.frame !== ""],
  ];
  return needs
    .filter(([, has]) => !slices.every(has))
    .map(([attribute]) => fault("dicom-attribute-missing", { attribute }));
}

function mixtures(slices: readonly Slice[], first: Slice): Finding[] {
  const axes = axesOf(first).flat();
  const rules: [string, (one: Slice) => boolean][] = [
    ["images-mixed-patients", (one) => one.person === first.person],
    ["images-mixed-studies", (one) => one.study === first.study],
    ["images-mixed-frames", (one) => one.frame === first.frame],
    ["images-mixed-orientations", (one) => minus(axesOf(one).flat(), axes).every((by) => Math.abs(by) <= DIRECTION_WITHIN)],
    ["images-mixed-sizes", (one) => one.size.join() === first.size.join()],
    ["images-mixed-spacings", (one) => one.spacing.every((each, at) => isNear(each, first.spacing[at] ?? 0))],
  ];
  return rules.flatMap(([code, agrees]) => {
    const others = slices.filter((one) => !agrees(one));
    return others.length ? [fault(code, { slices: numbers(others), first: first.number })] : [];
  });
}

const isNear = (one: number, first: number): boolean => Math.abs(one - first) <= SPACING_WITHIN * Math.abs(first);

function sameInstances(slices: readonly Slice[]): Finding[] {
  const byInstance = new Map<string, Slice[]>();
  for (const slice of slices) byInstance.set(slice.instance, [...(byInstance.get(slice.instance) ?? []), slice]);
  return [...byInstance.values()]
    .filter((same) => same.length > 1)
    .slice(0, GAPS_SAID)
    .map((same) => fault("images-duplicate-instance", { slices: numbers(same) }));
}

function single(slice: Slice): Finding[] {
  return [slice.thicknessMm ? remark("images-single") : fault("images-single-without-thickness")];
}

function stacked(slices: readonly Slice[], axes: readonly number[][]): { found: Finding[]; stepMm: number | null } {
  const normal = axes[2] ?? [];
  const placed = slices
    .map((slice) => ({ slice, alongMm: dot(slice.corner, normal) }))
    .sort((one, other) => one.alongMm - other.alongMm);
  const found = [...tilt(placed, normal), ...samePositions(placed)];
  const apart = placed.filter((one, at) => at === 0 || one.alongMm - (placed[at - 1]?.alongMm ?? 0) >= SAME_POSITION_WITHIN_MM);
  if (apart.length < 2) return { found, stepMm: null };
  const gaps = gapsIn(apart);
  found.push(...gaps);
  const stepMm = ((apart.at(-1)?.alongMm ?? 0) - (apart[0]?.alongMm ?? 0)) / (apart.length - 1);
  if (!gaps.length) found.push(...uneven(apart, stepMm));
  if (found.length) return { found, stepMm: null };
  return { found: thickness(placed[0]?.slice, stepMm), stepMm };
}

function tilt(placed: readonly Placed[], normal: readonly number[]): Finding[] {
  const corner = placed[0]?.slice.corner ?? [];
  const shifts = placed.map((one) => {
    const shift = minus(one.slice.corner, corner);
    const along = dot(shift, normal);
    return { along, sideways: length(minus(shift, times(normal, along))) };
  });
  const worst = shifts.reduce((most, each) => (each.sideways > most.sideways ? each : most));
  if (worst.sideways <= SIDEWAYS_WITHIN_MM) return [];
  const degrees = (Math.atan2(worst.sideways, Math.abs(worst.along)) * 180) / Math.PI;
  return [fault("images-tilted", { degrees: degrees.toFixed(1), sideways_mm: worst.sideways.toFixed(2) })];
}

function pairs(placed: readonly Placed[]): { before: Placed; after: Placed; stepMm: number }[] {
  return placed.slice(1).map((after, at) => {
    const before = placed[at] ?? after;
    return { before, after, stepMm: after.alongMm - before.alongMm };
  });
}

function samePositions(placed: readonly Placed[]): Finding[] {
  return pairs(placed)
    .filter(({ stepMm }) => stepMm < SAME_POSITION_WITHIN_MM)
    .slice(0, GAPS_SAID)
    .map(({ before, after }) => {
      const details = { slices: numbers([before.slice, after.slice]), position_mm: before.alongMm.toFixed(2) };
      return fault("images-duplicate-position", details);
    });
}

function gapsIn(placed: readonly Placed[]): Finding[] {
  const steps = pairs(placed);
  const sorted = steps.map(({ stepMm }) => stepMm).sort((one, other) => one - other);
  const usual = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const gaps = steps.filter(({ stepMm }) => stepMm > GAP_STEPS * usual);
  return gaps.slice(0, GAPS_SAID).map(({ before, after, stepMm }) =>
    fault("images-missing-slice", {
      slices: numbers([before.slice, after.slice]),
      from_mm: before.alongMm.toFixed(2),
      to_mm: after.alongMm.toFixed(2),
      missing: String(Math.max(1, Math.round(stepMm / usual) - 1)),
      gaps: String(gaps.length),
    }),
  );
}

function uneven(placed: readonly Placed[], stepMm: number): Finding[] {
  const from = placed[0]?.alongMm ?? 0;
  const wrong = placed.map((one, at) => ({ one, by: Math.abs(one.alongMm - from - stepMm * at) }));
  const worst = wrong.reduce((most, each) => (each.by > most.by ? each : most));
  if (worst.by <= UNEVEN_WITHIN_MM) return [];
  const position_mm = worst.one.alongMm.toFixed(2);
  return [fault("images-uneven-spacing", { slice: worst.one.slice.number, position_mm, by_mm: worst.by.toFixed(2) })];
}

function thickness(slice: Slice | undefined, stepMm: number): Finding[] {
  const thick = slice?.thicknessMm;
  if (!thick || Math.abs(thick - stepMm) <= UNEVEN_WITHIN_MM) return [];
  return [remark("images-thickness-differs", { thickness_mm: thick.toFixed(2), step_mm: stepMm.toFixed(2) })];
}

function numbers(slices: readonly Slice[]): string {
  const said = slices.slice(0, NUMBERS_SAID).map((one) => one.number).join(", ");
  return slices.length <= NUMBERS_SAID ? said : `${said} … (${slices.length})`;
}
