// Polynomials of the elementary functions. Each was computed for this project: interpolation at the Chebyshev points
// of the stated interval in 60-digit arithmetic, expanded to powers, coefficients rounded to double. The stated error
// is the measured maximum with the rounded coefficients (of the polynomial, not of its evaluation).
// Plain arithmetic only; also compiled to WASM, so no arrays and no objects.

/**
 * (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, degree 10. Error below 3.3e-19 of e^r.
 */
export function expTail(r: number): number {
  let p = 2.0914686968086876e-9;
  p = p * r + 2.5105217004720745e-8;
  p = p * r + 2.75572736431103e-7;
  p = p * r + 2.7557255400206422e-6;
  p = p * r + 2.4801587325547743e-5;
  p = p * r + 0.00019841269874820627;
  p = p * r + 0.0013888888888883748;
  p = p * r + 0.008333333333326136;
  p = p * r + 0.04166666666666667;
  p = p * r + 0.1666666666666667;
  return p * r + 0.5;
}

/**
 * (2 artanh(s) / s - 2) / z with z = s^2 for |s| <= 3 - 2 sqrt(2), degree 6. Error below 4.9e-18 of the logarithm.
 */
export function logTail(z: number): number {
  let p = 0.14616721179861816;
  p = p * z + 0.15331699633543858;
  p = p * z + 0.18182889786191042;
  p = p * z + 0.2222221112572281;
  p = p * z + 0.28571428626031065;
  p = p * z + 0.3999999999989938;
  return p * z + 0.666666666666667;
}

/**
 * (artanh(s) / s - 1 - z / 3) / z^2 with z = s^2 for |s| <= 3 - 2 sqrt(2), degree 6. Error below 1.4e-19 of artanh(s) / s.
 */
export function artanhTail(z: number): number {
  let p = 0.06456869645564814;
  p = p * z + 0.0664297379720748;
  p = p * z + 0.07692787546278715;
  p = p * z + 0.09090904121740008;
  p = p * z + 0.11111111135563621;
  p = p * z + 0.14285714285669227;
  return p * z + 0.20000000000000012;
}

/**
 * (sin(r) / r - 1) / z with z = r^2 for |r| <= pi / 4, degree 5. Error below 2.1e-17 of sin(r) / r.
 */
export function sinTail(z: number): number {
  let p = 1.591810123027412e-10;
  p = p * z - 2.5051131455427946e-8;
  p = p * z + 2.755731610068303e-6;
  p = p * z - 0.0001984126983675497;
  p = p * z + 0.008333333333330946;
  return p * z - 0.16666666666666666;
}

/**
 * (cos(r) - 1 + z / 2) / z^2 with z = r^2 for |r| <= pi / 4, degree 5. Error below 9.2e-19.
 */
export function cosTail(z: number): number {
  let p = -1.1382614868556325e-11;
  p = p * z + 2.0876146024689747e-9;
  p = p * z - 2.7557317270560326e-7;
  p = p * z + 2.4801587298763433e-5;
  p = p * z - 0.0013888888888887395;
  return p * z + 0.041666666666666664;
}

/**
 * (arctan(t) / t - 1) / z with z = t^2 for |t| <= tan(pi / 8), degree 10. Error below 8.1e-18 of arctan(t) / t.
 */
export function atanTail(z: number): number {
  let p = -0.01917392228554793;
  p = p * z + 0.03922923713835943;
  p = p * z - 0.05085365922344248;
  p = p * z + 0.05858132894427922;
  p = p * z - 0.06664509603255386;
  p = p * z + 0.07692183059894114;
  p = p * z - 0.09090904572487347;
  p = p * z + 0.11111111015117626;
  p = p * z - 0.1428571428466482;
  p = p * z + 0.19999999999995513;
  return p * z - 0.3333333333333333;
}

/**
 * (arcsin(x) / x - 1) / z with z = x^2 for |x| <= 1/2, degree 12. Error below 5.9e-18 of arcsin(x) / x.
 */
export function asinTail(z: number): number {
  let p = 0.02877844261259304;
  p = p * z - 0.014881409392818066;
  p = p * z + 0.017419357964884856;
  p = p * z + 0.00545087818772055;
  p = p * z + 0.010324318288744113;
  p = p * z + 0.011478952690257387;
  p = p * z + 0.013971235301124539;
  p = p * z + 0.017352391265909227;
  p = p * z + 0.022372173002005596;
  p = p * z + 0.030381944137085216;
  p = p * z + 0.04464285714637338;
  p = p * z + 0.07499999999998425;
  return p * z + 0.16666666666666669;
}

/**
 * erf(x) / x - 1 with z = x^2 for |x| <= 3/4, degree 10. Error below 2.6e-17 of erf(x) / x.
 */
export function erfTail(z: number): number {
  let p = 1.1471982626262433e-8;
  p = p * z - 1.5939928608120978e-7;
  p = p * z + 1.6430668513426108e-6;
  p = p * z - 1.4924195325647666e-5;
  p = p * z + 0.00012055289530626987;
  p = p * z - 0.0008548326187902369;
  p = p * z + 0.005223977615408468;
  p = p * z - 0.026866170644427513;
  p = p * z + 0.11283791670952592;
  p = p * z - 0.37612638903183715;
  return p * z + 0.1283791670955126;
}

/**
 * e^(x^2) erfc(x) with t = (x - 1.125) / (x + 1.125) for 0.75 <= x <= 1.75, degree 12. Error below 8.1e-17, relative.
 */
export function erfcxNear(t: number): number {
  let p = -0.00012612810084428912;
  p = p * t - 0.00015806035247654878;
  p = p * t + 1.685882598901125e-5;
  p = p * t + 0.0005256437002315753;
  p = p * t + 0.001159909478352527;
  p = p * t + 0.000755161343595158;
  p = p * t - 0.0028245107044281782;
  p = p * t - 0.00938884894272879;
  p = p * t - 0.005718803421619217;
  p = p * t + 0.04391417266779425;
  p = p * t + 0.11177244649492028;
  p = p * t - 0.5356315982278608;
  return p * t + 0.3956980795529959;
}

/**
 * e^(x^2) erfc(x) with t = (x - 2.375) / (x + 2.375) for 1.75 <= x <= 3.25, degree 10. Error below 1.1e-16, relative.
 */
export function erfcxMiddle(t: number): number {
  let p = -5.840109652322089e-5;
  p = p * t - 5.367230320590924e-5;
  p = p * t + 0.0003633187944254639;
  p = p * t + 0.0003715791942690151;
  p = p * t - 0.0029972583169048197;
  p = p * t + 7.891371827954311e-5;
  p = p * t + 0.03089515143040164;
  p = p * t - 0.11575926097515654;
  p = p * t + 0.25128293697077464;
  p = p * t - 0.3846413633304778;
  return p * t + 0.22050569220490665;
}

/**
 * e^(x^2) erfc(x) with t = (x - 4.5) / (x + 4.5) for 3.25 <= x <= 6.5, degree 11. Error below 6.8e-17, relative.
 */
export function erfcxFar(t: number): number {
  let p = -0.00019182005360065933;
  p = p * t + 0.0011003367643463262;
  p = p * t - 0.003823068642730252;
  p = p * t + 0.010259997436588127;
  p = p * t - 0.022986913427958396;
  p = p * t + 0.0445850503274621;
  p = p * t - 0.07642269487260041;
  p = p * t + 0.1172673636809791;
  p = p * t - 0.16245302641115705;
  p = p * t + 0.2043198025251269;
  p = p * t - 0.2341433576784582;
  return p * t + 0.12248480427384142;
}

/**
 * x e^(x^2) erfc(x) with u = 1 / x^2 for 6.5 <= x <= 28, degree 9. Error below 1.1e-16, relative.
 */
export function erfcxTail(u: number): number {
  let p = -13431.496222486798;
  p = p * u + 3427.4156307337894;
  p = p * u - 567.7616272271928;
  p = p * u + 91.1517686846044;
  p = p * u - 16.655699398183657;
  p = p * u + 3.702453375689629;
  p = p * u - 1.057855280653737;
  p = p * u + 0.4231421871490374;
  p = p * u - 0.2820947917731567;
  return p * u + 0.564189583547756;
}
