# A private network of its own, or one that is there (vpc_id, subnet_ids): then nothing is made of it but security groups. AWS is
# reached through endpoints, people come from peered networks, and nobody from the internet; a way out to it is an option (egress).
locals {
  has_network = var.orchestrator != "none" || var.enable_mlflow
  has_cluster = local.has_network
  own_network = local.has_network && var.vpc_id == ""
  has_nat     = local.own_network && var.egress == "nat"

  vpc_id         = local.own_network ? one(aws_vpc.this[*].id) : var.vpc_id
  subnet_ids     = local.own_network ? aws_subnet.private[*].id : var.subnet_ids
  s3_prefix_list = local.own_network ? one(aws_vpc_endpoint.s3[*].prefix_list_id) : one(data.aws_prefix_list.s3[*].id)

  # Sources of the internet, or of a place that nobody but the settings know.
  outside = sort(setintersection(local.sources, ["http_json", "pricing", "prometheus"]))

  proxy = var.egress == "proxy" ? try(regex("^(?P<scheme>https?)://(?P<host>[^:/]+):(?P<port>[0-9]+)$", var.egress_proxy), null) : null
  # What stays inside goes past the proxy: AWS's endpoints, our own names, the container's credentials.
  proxy_environment = local.proxy == null ? {} : merge(
    { for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] : name => var.egress_proxy },
    { for name in ["NO_PROXY", "no_proxy"] : name => join(",", ["localhost", "127.0.0.1", "169.254.169.254", "169.254.170.2", ".${data.aws_partition.this.dns_suffix}", ".${var.name}.internal"]) },
  )

  # Of what else tasks reach, only who starts a container asks Systems Manager.
  endpoints = setunion(
    var.interface_endpoints,
    anytrue([for arn in local.source_secrets : strcontains(arn, ":ssm:")]) ? ["ssm"] : [],
    length(var.alert_subscriptions) == 0 ? [] : ["sns"],
  )

  # In China, these interface endpoints begin with cn; the others do not, and neither does S3's gateway.
  endpoints_of_china = ["athena", "ec2", "ecr.api", "ecr.dkr", "monitoring", "rds", "sqs", "sts"]
  endpoint_names = { for service in local.endpoints : service => join("", [
    data.aws_partition.this.partition == "aws-cn" && contains(local.endpoints_of_china, service) ? "cn." : "", "com.amazonaws.${var.region}.${service}",
  ]) }

  ways_out = local.proxy != null ? { for cidr in var.egress_proxy_cidrs : "proxy-${cidr}" => { cidr = cidr, port = tonumber(local.proxy.port) } } : {
    for port in var.egress_ports : "${port}" => { cidr = "0.0.0.0/0", port = port } if var.egress != "none"
  }
}

resource "terraform_data" "egress" {
  input = var.egress

  lifecycle {
    precondition {
      condition     = (var.egress != "nat" || var.vpc_id == "") && (var.egress != "network" || var.vpc_id != "") && (var.egress == "proxy") == (var.egress_proxy != "")
      error_message = "egress: nat goes without vpc_id, network with it, and proxy with egress_proxy, which nothing else has."
    }

    precondition {
      condition     = !local.has_network || var.egress != "none" || length(local.outside) == 0
      error_message = "settings: ${join(", ", local.outside)} cannot be read without a way out of the network. Set egress: \"nat\" (a NAT gateway of its own), \"network\" (vpc_id has a way out) or \"proxy\" (with egress_proxy)."
    }

    precondition {
      condition     = length(local.unreached) == 0
      error_message = "settings: inventory cannot describe ${join(", ", local.unreached)} without a way out of the network, or interface_endpoints for what each asks: ${join(", ", flatten([for service in local.unreached : try(local.asks[service], [])]))}."
    }
  }
}

data "aws_vpc" "this" {
  count = local.has_network && !local.own_network ? 1 : 0

  id = var.vpc_id
}

data "aws_prefix_list" "s3" {
  count = local.has_network && !local.own_network ? 1 : 0

  name = "com.amazonaws.${var.region}.s3"
}

data "aws_availability_zones" "this" {
  state = "available"

  # A zone that AWS adds later must not move the subnets.
  filter {
    name   = "zone-name"
    values = [for letter in ["a", "b", "c", "d"] : "${var.region}${letter}"]
  }
}

resource "aws_vpc" "this" {
  count = local.own_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

resource "aws_subnet" "private" {
  count = local.own_network ? 2 : 0

  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)
  availability_zone = data.aws_availability_zones.this.names[count.index]

  tags = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_route_table" "private" {
  count = local.own_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = local.own_network ? 2 : 0

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[0].id
}

# The VPC's own default group lets its members talk to each other; nothing here is a member.
resource "aws_default_security_group" "this" {
  count = local.own_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
}

resource "aws_vpc_endpoint" "s3" {
  count = local.own_network ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private[0].id]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.own_network ? local.endpoint_names : {}

  vpc_id              = aws_vpc.this[0].id
  service_name        = each.value
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.this["endpoints"].id]
}

# ---------------------------------------------------------------- the way out, where one is asked for

resource "aws_internet_gateway" "this" {
  count = local.has_nat ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = { Name = var.name }
}

# Only the NAT gateway is in it.
resource "aws_subnet" "public" {
  count = local.has_nat ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, 8)
  availability_zone = data.aws_availability_zones.this.names[0]

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table" "public" {
  count = local.has_nat ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table_association" "public" {
  count = local.has_nat ? 1 : 0

  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  #checkov:skip=CKV2_AWS_19: it is the NAT gateway's, which the scanner cannot follow through count
  count = local.has_nat ? 1 : 0

  domain = "vpc"

  tags = { Name = "${var.name}-nat" }
}

resource "aws_nat_gateway" "this" {
  count = local.has_nat ? 1 : 0

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[0].id

  tags = { Name = var.name }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "out" {
  for_each = local.has_nat ? {
    private = { table = aws_route_table.private[0].id, nat = aws_nat_gateway.this[0].id, internet = null }
    public  = { table = aws_route_table.public[0].id, nat = null, internet = aws_internet_gateway.this[0].id }
  } : {}

  route_table_id         = each.value.table
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = each.value.nat
  gateway_id             = each.value.internet
}

# ---------------------------------------------------------------- who talks to whom

locals {
  groups = local.has_network ? merge(
    {
      tasks    = "Containers that run steps"
      database = "Postgres"
    },
    local.own_network ? { endpoints = "AWS APIs" } : {},
    var.enable_mlflow ? { mlflow = "MLflow server" } : {},
    var.orchestrator == "ecs" ? { airflow = "Airflow services" } : {},
    var.orchestrator == "mwaa" ? { mwaa = "Managed Airflow" } : {},
  ) : {}

  # from > to, port.
  flows = { for flow in concat(
    [for from in keys(local.groups) : [from, "endpoints", 443] if local.own_network && !contains(["endpoints", "database"], from)],
    var.orchestrator == "ecs" ? [["tasks", "airflow", 8080], ["airflow", "airflow", 8080], ["airflow", "database", 5432]] : [],
    var.orchestrator == "mwaa" ? [["mwaa", "mwaa", 443], ["mwaa", "mwaa", 5432]] : [],
    var.enable_mlflow ? [["tasks", "mlflow", 5000], ["mlflow", "database", 5432]] : [],
  ) : "${flow[0]}-${flow[1]}-${flow[2]}" => { from = flow[0], to = flow[1], port = tonumber(flow[2]) } if local.has_network }

  # A person's network > a web page.
  pages = { for page in setproduct(var.client_cidrs, concat(
    var.orchestrator == "ecs" ? ["airflow:8080"] : [],
    var.orchestrator == "mwaa" ? ["mwaa:443"] : [],
    var.enable_mlflow ? ["mlflow:5000"] : [],
  )) : "${page[0]}-${page[1]}" => { cidr = page[0], to = split(":", page[1])[0], port = tonumber(split(":", page[1])[1]) } }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: attached to endpoints, services, tasks and databases by key, which the scanner cannot follow
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = "${each.value.from} to ${each.value.to}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = "${each.value.to} from ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = { for group, _ in local.groups : group => true if !contains(["endpoints", "database"], group) }

  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = local.s3_prefix_list
  description       = "${each.key} to S3"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# The endpoints of a network that was there lie somewhere in it; their own groups must let ours in.
resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = { for group, _ in local.groups : group => true if !local.own_network && group != "database" }

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = data.aws_vpc.this[0].cidr_block
  description       = "${each.key} to AWS endpoints"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Steps alone go out.
resource "aws_vpc_security_group_egress_rule" "out" {
  for_each = local.has_network ? local.ways_out : {}

  security_group_id = aws_security_group.this["tasks"].id
  cidr_ipv4         = each.value.cidr
  description       = "tasks out of the network"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "page" {
  for_each = local.has_network ? local.pages : {}

  security_group_id = aws_security_group.this[each.value.to].id
  cidr_ipv4         = each.value.cidr
  description       = "People"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# ---------------------------------------------------------------- names inside, and a record of who connected

resource "aws_service_discovery_private_dns_namespace" "this" {
  count = local.has_network ? 1 : 0

  name = "${var.name}.internal"
  vpc  = local.vpc_id
}

resource "aws_service_discovery_service" "this" {
  for_each = toset(concat(var.orchestrator == "ecs" ? ["airflow"] : [], var.enable_mlflow ? ["mlflow"] : []))

  name = each.key

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this[0].id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

resource "aws_flow_log" "this" {
  count = local.own_network ? 1 : 0

  vpc_id          = aws_vpc.this[0].id
  traffic_type    = "ALL"
  log_destination = aws_cloudwatch_log_group.this["network"].arn
  iam_role_arn    = aws_iam_role.flow_log[0].arn
}

resource "aws_iam_role" "flow_log" {
  count = local.own_network ? 1 : 0

  name                 = "${var.name}-flow-log"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow_log" {
  count = local.own_network ? 1 : 0

  name = "write"
  role = aws_iam_role.flow_log[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = "${local.log_group_arn.network}:*"
    }]
  })
}
