//! Every metric stands where it is looked for, under a name that Envoy and Prometheus leave alone.

use std::collections::BTreeSet;

use super::*;

/// All metrics, and the series that each is to be.
fn all() -> Vec<(Metric, String)> {
    let mut all = Vec::new();
    let mut add = |metric, family: &str, labels: &[&str]| {
        let name = std::iter::once(family).chain(labels.iter().copied()).collect::<Vec<_>>();
        all.push((metric, format!("oidc_gate_{}", name.join("."))));
    };
    for outcome in Outcome::ALL {
        add(Metric::Request(*outcome), "requests_total", &["outcome", outcome.as_str()]);
    }
    for outcome in Login::ALL {
        add(Metric::Login(*outcome), "logins_total", &["outcome", outcome.as_str()]);
    }
    for outcome in Refresh::ALL {
        add(Metric::Refresh(*outcome), "refreshes_total", &["outcome", outcome.as_str()]);
    }
    for outcome in Acquisition::ALL {
        add(Metric::Acquisition(*outcome), "acquisitions_total", &["outcome", outcome.as_str()]);
    }
    for endpoint in Endpoint::ALL {
        for status in Status::ALL {
            let labels = ["endpoint", endpoint.as_str(), "status", status.as_str()];
            add(Metric::ProviderCall(*endpoint, *status), "provider_calls_total", &labels);
        }
    }
    for outcome in KeyFetch::ALL {
        add(Metric::KeyFetch(*outcome), "key_fetches_total", &["outcome", outcome.as_str()]);
    }
    for lookup in Lookup::ALL {
        add(Metric::SessionCache(*lookup), "session_cache_total", &["outcome", lookup.as_str()]);
        add(Metric::BearerCache(*lookup), "bearer_cache_total", &["outcome", lookup.as_str()]);
    }
    for token in Token::ALL {
        for from in Source::ALL {
            let labels = ["token", token.as_str(), "from", from.as_str()];
            add(Metric::WrongAudience(*token, *from), "wrong_audience_total", &labels);
        }
    }
    add(Metric::SessionBytes(7), "session_bytes", &[]);
    all
}

#[test]
fn every_metric_is_the_series_that_its_labels_say() {
    let (series, all) = (series(), all());
    assert_eq!((series.len(), all.len()), (SERIES, SERIES));
    for (metric, name) in all {
        assert_eq!(series[metric.place()].1, name, "{metric:?}");
    }
}

#[test]
fn the_number_of_series_is_what_it_was_meant_to_be() {
    let names: BTreeSet<_> = series().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), SERIES, "a name stands for one series");
    assert!(names.len() < 100, "{SERIES}: each costs every Prometheus that reads it");
}

/// <https://prometheus.io/docs/concepts/data_model>; a dot is ours, between names and values.
#[test]
fn nothing_in_a_name_has_to_be_replaced() {
    for (kind, name) in series() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let mut parts = name.split('.');
        let family = parts.next().unwrap();
        assert!(family.starts_with("oidc_gate_") && family.chars().all(plain), "{name}");
        assert_eq!(family.ends_with("_total"), kind == Kind::Counter, "{name}");
        assert!(parts.all(|part| !part.is_empty() && part.chars().all(plain)), "{name}");
    }
}

/// The patterns that make labels of names look for a label's name between dots.
#[test]
fn no_value_reads_as_the_name_of_a_label() {
    let labels: BTreeSet<_> =
        FAMILIES.iter().flat_map(|family| family.labels.iter().map(|(name, _)| *name)).collect();
    for (label, values) in FAMILIES.iter().flat_map(|family| family.labels) {
        let wrong = values.iter().find(|value| labels.contains(*value));
        assert_eq!(wrong, None, "a value of {label}");
    }
}

#[test]
fn a_status_that_is_none_is_no_answer() {
    let of = [(200, "2xx"), (204, "2xx"), (302, "3xx"), (400, "4xx"), (503, "5xx"), (599, "5xx")];
    for (status, class) in of {
        assert_eq!(Status::of(Some(status)).as_str(), class);
    }
    for status in [None, Some(0), Some(101), Some(600), Some(u16::MAX)] {
        assert_eq!(Status::of(status), Status::None, "{status:?}");
    }
}
