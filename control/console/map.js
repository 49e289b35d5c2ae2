// The world as dots, and places on it. Longitude and latitude in degrees, drawn on a plane of
// 360 x 150: one unit is one degree, from 82 degrees north to 68 degrees south.

const SVG = "http://www.w3.org/2000/svg";
const TOP_LATITUDE = 82;
const DOT_STEP = 2.4;

/** Outlines of the land, coarse: they only decide where dots are. Pairs of longitude, latitude. */
const LAND = [
  // North America, Greenland and the islands between
  "-168 65 -162 70 -156 71 -141 70 -127 70 -115 68 -108 68 -95 68 -94 72 -86 70 -82 68 -87 64 -94 61 -94 58 -88 56 -82 55 -80 51 -78 54 -77 58 -78 62 -72 62 -69 59 -65 60 -61 56 -56 52 -60 50 -66 50 -64 47 -61 46 -66 44 -70 43 -74 40 -76 36 -81 31 -80 26 -82 29 -85 30 -90 29 -94 29 -97 27 -97 22 -95 18 -91 19 -87 21 -88 16 -83 15 -83 10 -79 9 -83 8 -87 13 -92 14 -96 16 -105 20 -109 25 -113 30 -115 31 -112 27 -110 23 -115 28 -117 33 -121 35 -124 40 -124 47 -128 51 -134 57 -140 60 -148 60 -152 59 -158 56 -164 54 -158 59 -162 60 -165 62",
  "-73 78 -60 82 -35 83 -20 80 -20 74 -24 70 -38 66 -43 60 -50 62 -54 68 -58 75",
  "-80 73 -62 66 -66 62 -73 65 -90 73",
  "-90 77 -75 79 -62 82 -90 81",
  "-117 73 -103 72 -102 69 -115 69",
  "-85 22 -80 23.5 -74 20 -78 20",
  "-74 20 -68 18.5 -74 17.5",
  // South America
  "-78 9 -72 12 -62 10 -52 5 -50 0 -44 -2 -35 -6 -37 -12 -39 -18 -42 -23 -48 -26 -53 -33 -57 -36 -62 -39 -65 -43 -66 -48 -69 -53 -72 -53 -75 -48 -73 -40 -71 -30 -70 -19 -76 -14 -81 -6 -80 0 -77 4 -77 8",
  // Africa and Madagascar
  "-6 36 10 37 11 33 20 31 32 31 35 28 37 21 43 12 51 12 47 5 41 -2 40 -11 35 -20 33 -26 28 -33 19 -35 15 -27 12 -17 13 -8 9 -1 9 4 4 6 -8 4 -13 8 -17 14 -16 21 -13 27 -10 31",
  "49 -12 50 -16 47 -25 44 -24 44 -17",
  // Eurasia
  "-9 37 -9 43 -2 43 -1 46 -4 48 2 51 8 54 8 57 11 57 12 54 20 55 24 58 30 60 24 60 22 63 25 65 22 66 17 61 18 57 13 55 11 59 6 58 5 62 14 68 25 71 40 67 44 66 44 68 60 69 68 73 73 72 80 73 100 77 112 74 130 71 140 73 160 70 180 69 178 63 164 60 162 56 157 51 156 57 163 62 155 59 142 59 135 55 141 52 140 48 133 43 128 40 129 35 126 35 126 38 121 39 118 39 122 37 119 35 122 31 118 24 110 21 106 20 109 12 105 9 100 13 103 2 101 3 98 9 98 16 94 16 91 22 87 21 80 15 80 11 77 8 73 17 72 21 67 25 57 26 50 30 48 30 51 25 56 26 60 22 52 16 44 13 39 21 35 28 36 36 30 36 27 37 27 40 34 42 41 41 39 46 34 45 30 46 28 42 23 40 24 38 21 37 19 42 14 45 13 43 18 40 16 38 12 42 9 44 3 43 0 39 -5 36",
  // Islands of the Atlantic and the Arctic
  "-6 50 1 51 1 53 -2 57 -5 58.5 -5 54",
  "-10 52 -6 52 -6 55 -9 54",
  "-24 65.5 -14 65.5 -19 63.2 -22 63.8",
  "52 71 58 74 68 77 56 73",
  // Asia's islands
  "130 31 132 34 136 33.5 140 35 141 39 142 42 145 43 142 45.5 140 42 140 38 136 37 131 34.5",
  "79.5 9.5 82 7 80 6",
  "95 5.5 104 -2 106 -6 101 -3",
  "105 -6 114 -6.5 115 -9 106 -8",
  "109 1 117 7 119 5 116 -4 110 -3",
  "119 1 125 1.5 121 -1 123 -5 120 -5.5",
  "131 -1 141 -2.5 150 -10 141 -9 135 -4",
  "120 18.5 122 18.5 126 8 122 7 121 14",
  // Australia and New Zealand
  "114 -22 122 -18 129 -15 136 -12 136 -15 140 -17 142 -11 146 -19 153 -26 153 -31 150 -37 146 -39 140 -38 136 -34 131 -31 124 -33 115 -34",
  "145 -41 148 -41 147 -43.5",
  "173 -35 178 -38 175 -41.5 174 -39",
  "172 -41 174 -42 169 -47 166 -46",
].map((text) => {
  const numbers = text.split(" ").map(Number);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
});

/** Where a place lies on the plane. */
export function project([latitude, longitude]) {
  return [longitude + 180, TOP_LATITUDE - latitude];
}

/** Draws the land, once. */
export function drawLand(svg) {
  const dots = [];
  for (let latitude = 80; latitude > -56; latitude -= DOT_STEP) {
    for (let longitude = -180; longitude < 180; longitude += DOT_STEP) {
      if (!LAND.some((outline) => isInside(longitude, latitude, outline))) continue;
      const [x, y] = project([latitude, longitude]);
      dots.push(`M${x.toFixed(1)} ${y.toFixed(1)}h0`);
    }
  }
  svg.append(shape("path", { class: "land", d: dots.join("") }));
}

/** Makes an SVG element. */
export function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** A curve between two places, bent towards the pole as routes on a globe are. */
export function arc(from, to) {
  const [x1, y1] = project(from);
  const [x2, y2] = project(to);
  const lift = Math.hypot(x2 - x1, y2 - y1) * 0.22;
  return `M${x1} ${y1}Q${(x1 + x2) / 2} ${(y1 + y2) / 2 - lift} ${x2} ${y2}`;
}

function isInside(x, y, outline) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i, i += 1) {
    const [xi, yi] = outline[i];
    const [xj, yj] = outline[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
