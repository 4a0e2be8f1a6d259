use insforge_protocol::x402::{Dialects, Price};

use super::{Order, RouteSettings, read};

fn read_toml(text: &str) -> (Vec<RouteSettings>, Vec<String>) {
    let table: toml::Table = text.parse().unwrap();
    let routes = serde_json::to_value(&table["route"]).unwrap();
    let mut faults = Vec::new();
    let read = read(routes.as_array().unwrap(), &mut faults);
    (
        read,
        faults
            .iter()
            .map(|f| format!("{}: {}", f.setting, f.fault))
            .collect(),
    )
}

#[test]
fn a_route_needs_a_path_an_upstream_and_a_price() {
    let (routes, faults) = read_toml(
        "[[route]]\npath = '/report'\nupstream = 'http://127.0.0.1:3000'\nprice = '0.01'\n\
         [[route]]\npath = '/public/*'\nupstream = 'http://127.0.0.1:3000'\nfree = true\nmethod = '*'\n",
    );
    assert_eq!(faults, Vec::<String>::new());
    let sale = routes[0].sale.as_ref().unwrap();
    assert_eq!(routes[0].methods, ["GET"]);
    assert_eq!(sale.offers[0].price, Price::Tokens("0.01".into()));
    assert_eq!((sale.order, sale.dialects), (Order::SettleFirst, Dialects::ALL));
    assert_eq!((routes[1].methods.len(), routes[1].sale.is_none()), (0, true));
}

#[test]
fn several_offers_take_what_they_leave_out_from_the_route() {
    let (routes, faults) = read_toml(
        "[[route]]\npath = '/r'\nupstream = 'http://h'\nasset = 'USDC'\nmax_kept_answer = '2MiB'\n\
         offers = [{ price = '0.01', network = 'base' }, { amount = '5', asset = 'USDG' }]\n",
    );
    assert_eq!(faults, Vec::<String>::new());
    let sale = routes[0].sale.as_ref().unwrap();
    assert_eq!(sale.max_kept_answer, 2 * 1024 * 1024);
    assert_eq!(
        (sale.offers[0].asset.as_str(), sale.offers[0].network.chain_id()),
        ("USDC", 8453)
    );
    assert_eq!(
        (sale.offers[1].asset.as_str(), sale.offers[1].network.chain_id()),
        ("USDG", 196)
    );
}

#[test]
fn every_fault_of_a_route_is_named() {
    let (routes, faults) = read_toml(
        "[[route]]\npath = 'r'\nupstream = 'ftp://h'\nmethod = 'get'\norder = 'never'\nsettle_wait = '1'\n\
         max_request_body = '9TiB'\ndialects = ['v3']\n",
    );
    assert!(routes.is_empty());
    let members: Vec<_> = faults
        .iter()
        .filter_map(|f| f.strip_prefix("gateway.route 1 (r): ")?.split(':').next())
        .collect();
    assert_eq!(
        members,
        [
            "method",
            "path",
            "upstream",
            "max_request_body",
            "offers",
            "order",
            "dialects",
            "settle_wait"
        ]
    );
}

#[test]
fn a_price_as_a_number_is_refused_because_floats_round() {
    let (_, faults) = read_toml("[[route]]\npath = '/r'\nupstream = 'http://h'\nprice = 0.01\n");
    assert_eq!(faults.len(), 1);
    let (_, faults) = read_toml("[[route]]\npath = '/r'\nupstream = 'http://h'\nfree = true\nprice = '1'\n");
    assert_eq!(faults.len(), 1);
    let (_, faults) = read_toml("[[route]]\npath = '/r'\nupstream = 'http://h'\npirce = '1'\n");
    assert!(faults[0].contains("pirce"), "{faults:?}");
}
