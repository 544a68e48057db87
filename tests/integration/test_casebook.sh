#!/usr/bin/env bash
# test_casebook.sh: the cases of share/doc/CASEBOOK on the real data sets, with the verdicts
# asserted: a power market whose rules changed, published forecasts that nobody trained here, a
# year with seasons, a city that stopped travelling, and a join that came one row late.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
for set in electricity nba_forecasts_538 bike_sharing_hour nyc_taxi_2018_2020; do
    [ -f "$shared/data/$set.csv.gz" ] || skip "no $shared/data/$set.csv.gz (set SIGNALBOX_SHARED)"
done
awk 'BEGIN { exit strftime("%Y", 0, 1) != "1970" }' 2>/dev/null || skip "this awk has no strftime"
export TZ=UTC
cd "$dir"

rows() { gzip -dc "$shared/data/$1.csv.gz"; }
learn() { # NAME TARGET, from NAME_train.csv into Production
    box train --data "$1_train.csv" --target "$2" --algorithm gbdt --split time --threads 1 \
        --register "$1" -o json >train.json
    box model promote "$1" 1 --to Staging --reason casebook >/dev/null
    box model promote "$1" 1 --to Production --reason casebook >/dev/null
}
answer() { # NAME: what the model says on NAME_rest.csv becomes NAME_log.csv
    box predict --model "models:/$1/Production" --data "$1_rest.csv" --proba --out answers.csv >predict.json
    awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        { print $at["prediction"], $at["probability"] }' answers.csv | paste -d, - "$1_rest.csv" \
        >"$1_log.csv"
}
follow() { # NAME: the log and the labels go in, every window is measured
    box monitor ingest "$1" --data "$1_log.csv" -o json >ingest.json
    [ ! -f "$1_labels.csv" ] || box monitor label "$1" --data "$1_labels.csv" -o json >label.json
    box monitor check "$1" -o json >check.json
}
breaches() { # NAME METRIC FROM TO: windows with a breach, and windows
    box monitor trend "$1" --metric "$2" --last 1000 -o csv |
        awk -F, -v from="$3" -v to="$4" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $1 >= from && $1 < to { n++; hit += $at["breach"] == "true" } END { print hit + 0, n + 0 }'
}
state() { # NAME RULE
    box alert list "$1" --all -o csv | awk -F, -v rule="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["rule"] == rule { print $at["state"] }'
}
near() { # GOT WANT WHAT
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d <= 1e-9 && d >= -1e-9) }' ||
        die "$3: $1, computed apart: $2"
}

box init >/dev/null
cat >"$dir/ws/signalbox.yaml" <<'Y'
monitoring:
  models:
    electricity: { window: 1w }
    nba: { window: 4w, reference: nba_2016 }
    bike: { window: 4w, reference: bike_2011 }
    bike_seasonal: { window: 4w, reference: bike_2011, season: 364d }
    taxi: { window: 1w }
Y

# -- electricity: learned on the first third, 90 weeks after that -------------------------
rows electricity | awk 'NR <= 15105' | cut -d, -f2- >electricity_train.csv
rows electricity | awk -F, -v OFS=, 'NR == 1 { sub(/^[^,]*,/, ""); print "request_id,timestamp," $0; next }
    NR > 15105 { sub(/^[^,]*,/, ""); print "e" NR, strftime("%Y-%m-%dT%H:%M:%SZ", 831427200 + (NR - 2) * 1800, 1), $0 }' \
    >electricity_rest.csv
awk -F, -v OFS=, 'NR == 1 { print "request_id,label,timestamp"; next } { print $1, $NF, $2 }' \
    electricity_rest.csv >electricity_labels.csv
learn electricity class
answer electricity
follow electricity
equal "$(field rows <ingest.json)" 30208 "predictions"
equal "$(field windows <check.json)" 90 "weeks"
# shellcheck disable=SC2046 # numbers, several words on purpose
set -- $(breaches electricity accuracy 1997-05-05 1998-12-07)
[ "$1" -ge 40 ] || die "electricity: accuracy breached in $1 of $2 weeks"
equal "$(state electricity drift)" incident "electricity, drift"
echo "electricity: accuracy below the promoted version's by 5 points in $1 of $2 weeks"

# -- nba_forecasts_538: probabilities and outcomes, no model; figures computed apart -------
rows nba_forecasts_538 | awk -F, -v OFS=, '
    NR == 1 { print "prediction,probability" >"nba_2016.csv"
              print "request_id,timestamp,prediction,probability" >"nba_log.csv"
              print "request_id,label,timestamp" >"nba_labels.csv"; next }
    $1 == 2016 { print ($5 >= 0.5), $5 >"nba_2016.csv" }
    { print "g" NR, $2 "T20:00:00Z", ($5 >= 0.5), $5 >"nba_log.csv"
      print "g" NR, $6, $2 "T23:00:00Z" >"nba_labels.csv" }'
box data import nba_2016.csv --name nba_2016 >/dev/null
follow nba
rows nba_forecasts_538 | awk -F, -v OFS=, '
    function flush(   b, ece) {
        if (n < 30) return
        for (b = 0; b < 10; b++) if (c[b]) ece += (y[b] > p[b] ? y[b] - p[b] : p[b] - y[b]) / n
        printf "%s,%.17g,%.17g,%.17g\n", strftime("%Y-%m-%dT%H:%M:%SZ", w, 1), hit / n, brier / n, ece
    }
    NR > 1 {
        at = mktime(substr($2, 1, 4) " " substr($2, 6, 2) " " substr($2, 9, 2) " 20 00 00")
        start = at - (at - 345600) % 2419200
        if (start != w) { flush(); n = hit = brier = 0; split("", c); split("", y); split("", p) }
        w = start; n++; b = int($5 * 10); if (b > 9) b = 9
        c[b]++; y[b] += $6; p[b] += $5
        hit += ($5 >= 0.5) == $6; brier += ($5 - $6) * ($5 - $6)
    }
    END { flush() }' >apart.csv
column=2
for metric in accuracy brier ece; do
    box monitor trend nba --metric "$metric" --last 1000 -o csv | awk -F, 'NR > 1 && $2 != "" { print $1 "," $2 }' \
        >ours.csv
    cut -d, -f1,$column apart.csv >theirs.csv
    equal "$(cut -d, -f1 ours.csv | cksum)" "$(cut -d, -f1 theirs.csv | cksum)" "nba: windows"
    while IFS=, read -r window got want; do near "$got" "$want" "nba: $metric of $window"; done \
        < <(cut -d, -f2 theirs.csv | paste -d, ours.csv -)
    column=$((column + 1))
done
echo "nba: accuracy, Brier score and calibration error of $(wc -l <apart.csv) windows as computed apart"

# -- bike_sharing: the second year against the first, and against the same season ----------
rows bike_sharing_hour | awk -F, -v OFS=, '
    NR == 1 { print "request_id,timestamp,prediction,season,mnth,hr,holiday,weekday,workingday,weathersit,temp,hum,windspeed"; next }
    { printf "h%d,%sT%02d:00:00Z,%s,s%s,m%s,%s,%s,w%s,%s,%s,%s,%s,%s\n",
        $1, $2, $6, $17, $3, $5, $6, $7, $8, $9, $10, $11, $13, $14 }' >bike_log.csv
awk -F, 'NR == 1 || $2 < "2012"' bike_log.csv | cut -d, -f3- >bike_2011.csv
cp bike_log.csv bike_seasonal_log.csv
box data import bike_2011.csv --name bike_2011 >/dev/null
follow bike
follow bike_seasonal
# shellcheck disable=SC2046 # numbers, several words on purpose
set -- $(breaches bike share_drifted 2012-02-20 2012-06-20) $(breaches bike_seasonal share_drifted 2012-02-20 2012-06-20)
[ "$1" -ge 3 ] || die "bike: spring breaches $1 of $2 windows without a season"
equal "$3" 0 "bike: breaches of spring against the same season"
equal "$(state bike drift)" incident "bike against the whole year"
case $(state bike_seasonal drift) in none | active) ;; *) die "bike: the same season is an incident" ;; esac
echo "bike: spring 2012 breaches in $1 of $2 windows against the year, $3 of $4 against its season"

# -- nyc_taxi: who pays by card, learned on January to August 2018 -------------------------
rows nyc_taxi_2018_2020 | awk -F, -v OFS=, '
    ($10 == 1 || $10 == 2) && $2 >= "2018-01-01" && $2 < "2021" {
        split($2, at, " ")
        print at[1] "T" at[2] "Z", substr(at[2], 1, 2) + 0, $5, $8, $9, $6, $11, $10 == 1 ? "card" : "cash" }' |
    LC_ALL=C sort -t, -k1,1 -s |
    awk -v OFS=, 'BEGIN { print "request_id,timestamp,hour,distance,pickup,dropoff,rate,fare,pay" }
        { print "t" NR, $0 }' >taxi_all.csv
awk -F, 'NR == 1 || $2 < "2018-09-03"' taxi_all.csv | cut -d, -f3- >taxi_train.csv
awk -F, 'NR == 1 || $2 >= "2018-09-03"' taxi_all.csv >taxi_rest.csv
awk -F, -v OFS=, 'NR == 1 { print "request_id,label,timestamp"; next } { print $1, $NF, $2 }' \
    taxi_rest.csv >taxi_labels.csv
learn taxi pay
answer taxi
awk -F, 'NR == 1 || $4 < "2020-05-04"' taxi_log.csv >until_may.csv
mv until_may.csv taxi_log.csv
awk -F, 'NR == 1 || $3 < "2020-05-04"' taxi_labels.csv >until_may.csv
mv until_may.csv taxi_labels.csv
follow taxi
# shellcheck disable=SC2046 # numbers, several words on purpose
set -- $(breaches taxi share_drifted 2018-09-03 2020-03-09) $(breaches taxi share_drifted 2020-03-16 2020-05-04)
[ "$1" -le 1 ] || die "taxi: $1 of $2 weeks before March 2020 drifted"
week=$(box monitor trend taxi --metric share_drifted --last 1000 -o csv |
    awk -F, 'NR > 1 && $2 > 0.2 { print substr($1, 1, 10); exit }')
equal "$week" 2020-03-23 "taxi: first week that drifted"
[ "$3" -ge 6 ] || die "taxi: $3 of $4 weeks from 16 March 2020 drifted"
equal "$(state taxi drift)" incident "taxi, drift"
box retrain policy taxi -o json >policy.json
equal "$(field should_retrain <policy.json)" true "taxi, retraining"
grep -q '"accuracy fell by' policy.json || die "taxi: no evidence of lost accuracy"
equal "$(field job_id <policy.json)" null "a dry run queues nothing"
box alert replay -o json | grep -q '"ok": true' || die "replay differs"
echo "taxi: $1 of $2 weeks drifted before March 2020, $3 of $4 after"

# -- nyc_taxi again: fares joined to the trip after their own, seen by no column alone -------
awk -F, 'NR == 1 || ($2 >= "2018-09-03" && $2 < "2018-11-05")' taxi_all.csv | cut -d, -f3- >taxi_autumn.csv
awk -F, -v OFS=, 'NR == 1 { print; next } { fare = $6; $6 = last; last = fare } NR > 2' \
    taxi_autumn.csv >taxi_late.csv
together() { # FILE METHOD
    box drift --reference taxi_train.csv --current "$1.csv" --drop pay --multivariate "$2" -o json >drift.json
    equal "$(field features_drifted <drift.json)" 0 "$1: features that drifted alone"
    field_in multivariate drifted <drift.json
}
for method in domain_classifier pca; do
    equal "$(together taxi_autumn $method)" false "an ordinary autumn, $method"
    equal "$(together taxi_late $method)" true "fares one row late, $method"
done
echo "taxi: fares one row late are found by features together, and by none alone"
