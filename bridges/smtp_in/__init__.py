"""The inbound mail listener: bounces, complaints and auto-replies that come to our return paths by SMTP go to
api_receipt, as `POST /v1/receipts/smtp/{account}` takes them. A mail is confirmed when its event is in Kafka."""
