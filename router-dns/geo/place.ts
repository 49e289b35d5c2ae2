/** A point on the earth, in degrees: latitude -90 to 90, longitude -180 to 180. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** A point as a vector of length 1 from the middle of the earth. */
export type UnitVector = readonly [x: number, y: number, z: number];

const EARTH_RADIUS_KM = 6371.0088;

/** Turns degrees into a vector (P). */
export function toUnitVector(place: Place): UnitVector {
  const latitude = toRadians(place.latitude);
  const longitude = toRadians(place.longitude);
  const cosLatitude = Math.cos(latitude);
  return [cosLatitude * Math.cos(longitude), cosLatitude * Math.sin(longitude), Math.sin(latitude)];
}

/** Turns a vector of any length but 0 into degrees (P). */
export function toPlace([x, y, z]: UnitVector): Place {
  return {
    latitude: toDegrees(Math.atan2(z, Math.hypot(x, y))),
    longitude: toDegrees(Math.atan2(y, x)),
  };
}

/**
 * The square of the straight line through the earth, in earth radii: 0 to 4 (P). It grows with the
 * great-circle distance, costs no trigonometry, and is exact for points close to each other.
 */
export function chordSquared(from: UnitVector, to: UnitVector): number {
  const x = from[0] - to[0];
  const y = from[1] - to[1];
  const z = from[2] - to[2];
  return x * x + y * y + z * z;
}

/** Great-circle distance in kilometres, on a sphere (P): off by at most 0.6 % of the true way. */
export function distanceKm(from: Place, to: Place): number {
  const chord = Math.sqrt(chordSquared(toUnitVector(from), toUnitVector(to)));
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2));
}

/** True if both numbers are finite and on the earth (P). */
export function isPlace(latitude: unknown, longitude: unknown): boolean {
  return (
    typeof latitude === "number" &&
    typeof longitude === "number" &&
    Math.abs(latitude) <= 90 &&
    Math.abs(longitude) <= 180
  );
}

function toRadians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function toDegrees(radians: number): number {
  return (radians * 180) / Math.PI;
}
